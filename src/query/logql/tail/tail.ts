import type { WebSocket } from 'ws';
import { QueryError } from '../../../lake/query-error.js';
import { endWebSocket } from '../../server/websocket.js';
import type { Arrivals } from '../exec/arrivals.js';
import type { LogEntry } from '../exec/logs.js';
import { Frames, type FrameForm } from './frames.js';
import { Recent } from './recent.js';

export interface TailOptions {
  readonly socket: WebSocket;
  /** What there was at the beginning. */
  readonly first: Arrivals;
  /** What was committed since. */
  readonly ask: (after: bigint, signal: AbortSignal) => Promise<Arrivals>;
  /** Entries are held back until they are as old as this, and then sent in the order of their time. */
  readonly delayMs: number;
  readonly form: FrameForm;
  readonly onDropped: (entries: number) => void;
  /** A client that gives no sign of life for as long is cut off. */
  readonly pingMs?: number | undefined;
}

const askEveryMs = 1000;
const sendEveryMs = 250;
const defaultPingMs = 15_000;
/** As in Loki: after it the client has to connect again. */
const longestMs = 3_600_000;
const entriesOfFrame = 100;
/** Entries that wait for their time, or for the client. */
const maxHeld = 10_000;
/** Bytes that the client has not taken yet, beyond which entries are dropped. */
const maxUnsent = 4 * 1024 * 1024;
const failuresToEnd = 10;
const remembered = 50_000;

/** Sends the entries of a query to one client as they are committed, until either side ends it. */
export class Tail {
  readonly #frames: Frames;
  readonly #recent = new Recent(remembered);
  readonly #ended = new AbortController();
  readonly #timers: NodeJS.Timeout[] = [];
  #held: LogEntry[] = [];
  #last: bigint;
  #failures = 0;
  #alive = true;

  constructor(private readonly options: TailOptions) {
    const { socket, first, form } = options;
    this.#frames = new Frames(form);
    this.#last = first.last;
    socket.on('close', () => this.#end());
    socket.on('error', () => socket.terminate());
    socket.on('pong', () => (this.#alive = true));
    this.#hold(first.entries);
    this.#send();
    this.#timers.push(
      setInterval(() => this.#send(), sendEveryMs),
      setInterval(() => this.#ping(), options.pingMs ?? defaultPingMs),
      setTimeout(() => endWebSocket(socket, 1011, 'reached tail max duration limit'), longestMs),
    );
    this.#askLater(askEveryMs);
  }

  #end(): void {
    this.#ended.abort();
    this.#timers.forEach((timer) => clearTimeout(timer));
    this.#held = [];
  }

  #askLater(ms: number): void {
    this.#timers[3] = setTimeout(() => void this.#ask(), ms);
  }

  async #ask(): Promise<void> {
    let wait = askEveryMs;
    try {
      const { entries, last, more } = await this.options.ask(this.#last, this.#ended.signal);
      this.#last = last;
      this.#failures = 0;
      this.#hold(entries);
      if (more) wait = 0;
    } catch (error) {
      if (this.#ended.signal.aborted) return;
      // A busy or restarting server is asked again; what was committed meanwhile comes then.
      const passing = error instanceof QueryError && ['busy', 'timeout', 'unavailable'].includes(error.kind);
      if (!passing || ++this.#failures >= failuresToEnd) {
        const reason = error instanceof QueryError ? error.message : 'the query failed inside the server';
        return endWebSocket(this.options.socket, 1011, reason);
      }
    }
    if (!this.#ended.signal.aborted) this.#askLater(wait);
  }

  #hold(entries: readonly LogEntry[]): void {
    const fresh = entries.filter((entry) => this.#recent.add(entry));
    const room = maxHeld - this.#held.length;
    this.#drop(fresh.slice(room));
    if (fresh.length === 0) return;
    this.#held.push(...fresh.slice(0, room));
    this.#held.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
  }

  #drop(entries: readonly LogEntry[]): void {
    if (entries.length === 0) return;
    this.#frames.drop(entries);
    this.options.onDropped(entries.length);
  }

  #send(): void {
    const due = BigInt(Date.now() - this.options.delayMs) * 1_000_000n + 999_999n;
    const { socket } = this.options;
    const later = this.#held.findIndex(({ timeNs }) => timeNs > due);
    const count = later < 0 ? this.#held.length : later;
    for (let at = 0; at < count; at += entriesOfFrame) {
      const entries = this.#held.slice(at, Math.min(at + entriesOfFrame, count));
      if (socket.bufferedAmount > maxUnsent) this.#drop(entries);
      else socket.send(this.#frames.frame(entries));
    }
    this.#held.splice(0, count);
  }

  #ping(): void {
    if (!this.#alive) return this.options.socket.terminate();
    this.#alive = false;
    this.options.socket.ping();
  }
}
