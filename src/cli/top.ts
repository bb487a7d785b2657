import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReadStream, WriteStream } from 'node:tty';
import { errorMessage, type Client } from './client.js';
import { CommandError } from './errors.js';
import { parsePrometheusText, type Scrape } from './prometheus-text.js';
import { topView, type TopView } from './top-model.js';
import { renderTop, renderTopLine, type History } from './top-screen.js';

export interface TopOptions {
  readonly client: Client;
  readonly key: string | undefined;
  readonly intervalMs: number;
  /** Stop after so many refreshes. */
  readonly count?: number;
  readonly format: 'screen' | 'lines' | 'json';
  readonly color: boolean;
  readonly out: NodeJS.WritableStream & Partial<Pick<WriteStream, 'columns' | 'rows' | 'isTTY'>>;
  readonly input?: ReadStream;
}

const historyLength = 30;

async function scrape(options: TopOptions): Promise<{ samples: Scrape; at: number }> {
  const response = await options.client.call('/metrics', { key: options.key, timeoutMs: 10_000 });
  if (response.status !== 200) {
    throw new CommandError(`${options.client.url}/metrics: ${errorMessage(response)}`);
  }
  return { samples: parsePrometheusText(response.text), at: performance.now() };
}

function clock(): string {
  return new Date().toISOString().slice(11, 19);
}

function remember(history: History, view: TopView): History {
  const add = (values: readonly number[], value: number) => [...values, value].slice(-historyLength);
  return {
    bytesPerSecond: add(
      history.bytesPerSecond,
      view.signals.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0),
    ),
    freshness: add(history.freshness, view.freshnessProjectedSeconds ?? 0),
    cores: add(history.cores, view.process.cores),
  };
}

/** The terminal while `top` owns it: other screen, no cursor, keys without Enter. */
class Screen {
  #lines: readonly string[] = [];
  readonly #stop = new AbortController();
  readonly #redraw = () => this.#paint();

  constructor(
    private readonly out: TopOptions['out'],
    private readonly input: ReadStream | undefined,
  ) {
    out.write('\u001b[?1049h\u001b[?25l');
    out.on('resize', this.#redraw);
    if (input?.isTTY) {
      input.setRawMode(true);
      input.on('data', this.#key);
      input.resume();
    }
    process.once('SIGINT', this.#end).once('SIGTERM', this.#end);
  }

  readonly #end = () => this.#stop.abort();

  readonly #key = (data: Buffer) => {
    if (['q', 'Q', '\u0003', '\u0004'].includes(data.toString())) this.#end();
  };

  /** Aborts when the user is done. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  get width(): number {
    return this.out.columns ?? 80;
  }

  draw(lines: readonly string[]): void {
    this.#lines = lines;
    this.#paint();
  }

  #paint(): void {
    const shown = this.#lines.slice(0, Math.max(1, (this.out.rows ?? 24) - 1));
    this.out.write(`\u001b[H${shown.map((line) => `${line}\u001b[K\r\n`).join('')}\u001b[J`);
  }

  close(): void {
    process.off('SIGINT', this.#end).off('SIGTERM', this.#end);
    this.out.off('resize', this.#redraw);
    if (this.input?.isTTY) {
      this.input.setRawMode(false);
      this.input.off('data', this.#key);
      this.input.pause();
    }
    this.out.write('\u001b[?25h\u001b[?1049l');
  }
}

/** Shows what the server does until the user, `count`, or (not on a screen) an error ends it. */
export async function top(options: TopOptions): Promise<void> {
  // Before the terminal is taken over, so that a wrong address or key is said plainly.
  let before = await scrape(options);
  const screen = options.format === 'screen' ? new Screen(options.out, options.input) : null;
  let history: History = { bytesPerSecond: [], freshness: [], cores: [] };
  try {
    screen?.draw([`waiting ${options.intervalMs / 1000} s for the first figures of ${options.client.url}`]);
    for (let shown = 0; options.count === undefined || shown < options.count; shown++) {
      if (!(await pause(options.intervalMs, screen?.stopped))) return;
      let after: typeof before;
      try {
        after = await scrape(options);
      } catch (error) {
        // On a screen a restart of the server is waited for.
        if (!screen) throw error;
        screen.draw([`${clock()}  ${error instanceof Error ? error.message : String(error)}`, '', 'q quits']);
        continue;
      }
      const view = topView(before.samples, after.samples, (after.at - before.at) / 1000);
      before = after;
      history = remember(history, view);
      if (screen) {
        const look = { width: screen.width, color: options.color };
        screen.draw([...renderTop(view, history, options.client.url, look, clock()), '', 'q quits']);
      } else {
        const line =
          options.format === 'json'
            ? JSON.stringify({ at: new Date().toISOString(), ...view })
            : renderTopLine(view, clock());
        if (!options.out.write(`${line}\n`)) await once(options.out, 'drain');
      }
    }
  } finally {
    screen?.close();
  }
}

/** False when it was cut short. */
async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await sleep(milliseconds, undefined, signal ? { signal } : {});
    return true;
  } catch {
    return false;
  }
}
