import { Resolver } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { signals, type Signal } from '../../src/schema/index.js';
import { requestBody, type Sent } from '../kill/workload.js';
import { failureOf, type Tally } from './tally.js';

const lookEveryMs = 1000;
const attemptMs = 10_000;
/** A client gives a request up after that many answers that tell it to come again. */
const mostAttempts = 400;

/** The addresses that a name has, looked up again and again, and which of them asked to be left alone for a while. */
export class Targets {
  readonly #resolver = new Resolver({ timeout: 1000, tries: 2 });
  readonly #notBefore = new Map<string, number>();
  #addresses: string[] = [];
  #next = 0;
  #looking: NodeJS.Timeout;

  constructor(
    private readonly name: string,
    resolver: string,
    private readonly port = 4318,
  ) {
    this.#resolver.setServers([resolver]);
    void this.look();
    this.#looking = setInterval(() => void this.look(), lookEveryMs);
  }

  async look(): Promise<void> {
    // Nothing found: the old addresses are as good as any.
    this.#addresses = await this.#resolver.resolve4(this.name).catch(() => this.#addresses);
  }

  /** The next one in turn that may be asked now. */
  pick(): string | null {
    const now = performance.now();
    for (let n = 0; n < this.#addresses.length; n++) {
      const address = this.#addresses[this.#next++ % this.#addresses.length] ?? '';
      if ((this.#notBefore.get(address) ?? 0) <= now) return `http://${address}:${this.port}`;
    }
    return null;
  }

  leaveAlone(url: string, milliseconds: number): void {
    this.#notBefore.set(new URL(url).hostname, performance.now() + milliseconds);
  }

  close(): void {
    clearInterval(this.#looking);
  }
}

/**
 * Clients that send at a steady rate to whoever takes it. What was surely not taken (429, 503, a refused connection)
 * they send again, to another node or after Retry-After; what may have been taken never.
 */
export class Senders {
  /** By phase. */
  readonly sent = new Map<string, Sent[]>();
  #running = true;
  readonly #done: Promise<unknown>;
  #sequence = 0;

  constructor(
    private readonly targets: Targets,
    private readonly headers: Readonly<Record<string, string>>,
    private readonly tally: Tally,
    clients: number,
    private readonly pauseMs: number,
  ) {
    this.#done = Promise.all(Array.from({ length: clients }, () => this.#client()));
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  /** Given-up requests were never taken, so they are no loss; but they tell that clients were left alone. */
  givenUp = 0;

  async #client(): Promise<void> {
    while (this.#running) {
      const n = this.#sequence++;
      const phase = this.tally.phase.name;
      const sent: Sent = {
        id: `${phase}-${n}`,
        signal: signals[n % signals.length] as Signal,
        records: 1 + Math.floor(Math.random() * 40),
        acked: false,
      };
      const list = this.sent.get(phase) ?? [];
      this.sent.set(phase, list);
      list.push(sent);
      await this.#deliver(sent);
      await sleep(this.pauseMs);
    }
  }

  async #deliver(sent: Sent): Promise<void> {
    const body = Uint8Array.from(requestBody(sent));
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const url = this.targets.pick();
      if (url === null) {
        await sleep(50);
        continue;
      }
      const outcome = await this.#attempt(url, sent, body);
      this.tally.sent(outcome);
      sent.acked = outcome === '200';
      if (!['429', '503', 'refused', 'no route'].includes(outcome)) return;
    }
    this.givenUp++;
  }

  /** The status, or how the connection failed. */
  async #attempt(url: string, sent: Sent, body: Uint8Array<ArrayBuffer>): Promise<string> {
    try {
      const response = await fetch(`${url}/v1/${sent.signal}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf', ...this.headers },
        body,
        signal: AbortSignal.timeout(attemptMs),
      });
      await response.arrayBuffer().catch(() => undefined);
      if (response.status === 429 || response.status === 503) {
        this.targets.leaveAlone(url, Number(response.headers.get('retry-after') ?? 1) * 1000);
      }
      return String(response.status);
    } catch (error) {
      this.targets.leaveAlone(url, 1000);
      return failureOf(error);
    }
  }
}

/** Asks for the newest logs a few times a second, whoever answers, all along. */
export class Queries {
  #running = true;
  readonly #done: Promise<void>;
  readonly #underWay = new Set<Promise<void>>();

  constructor(
    private readonly targets: Targets,
    private readonly headers: Readonly<Record<string, string>>,
    private readonly tally: Tally,
    private readonly everyMs: number,
  ) {
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
    await Promise.all(this.#underWay);
  }

  /** How many log lines hold `text`, through the Loki API. */
  async lines(text: string): Promise<number> {
    const url = this.targets.pick();
    if (url === null) throw new Error('no query node is known');
    const { status, body } = await this.#ask(url, `{service_name="drill"} |= "${text}"`, 1000, 900);
    if (status !== 200) throw new Error(`${status}: ${body}`);
    const { data } = JSON.parse(body) as { data: { result: { values: unknown[] }[] } };
    return data.result.reduce((sum, { values }) => sum + values.length, 0);
  }

  async #run(): Promise<void> {
    while (this.#running) {
      if (this.#underWay.size < 8) {
        const asked = this.#once().finally(() => this.#underWay.delete(asked));
        this.#underWay.add(asked);
      }
      await sleep(this.everyMs);
    }
  }

  async #once(): Promise<void> {
    const url = this.targets.pick();
    if (url === null) return this.tally.asked('nobody');
    await this.#ask(url, '{service_name="drill"}', 1, 60).then(
      ({ status }) => this.tally.asked(String(status)),
      (error: unknown) => this.tally.asked(failureOf(error)),
    );
  }

  async #ask(url: string, query: string, limit: number, lastSecs: number) {
    const start = BigInt(Date.now() - lastSecs * 1000) * 1_000_000n;
    const parameters = new URLSearchParams({ query, limit: String(limit), start: String(start) });
    const response = await fetch(`${url}/loki/api/v1/query_range?${parameters.toString()}`, {
      headers: this.headers,
      signal: AbortSignal.timeout(35_000),
    });
    return { status: response.status, body: await response.text() };
  }
}
