import { logLines, rowsOf, type LogRow, type Streams } from './loki';

interface Frame {
  readonly streams?: Streams;
  readonly dropped_entries?: readonly unknown[];
}

interface Listener {
  /** Rows that came, the newest first, and how many others the server left out because they came too fast. */
  readonly came: (rows: readonly LogRow[], dropped: number) => void;
  /** Empty once lines come again. */
  readonly problem: (message: string) => void;
}

const gatherMs = 250;
/** What there was before, so that the page is not empty at first. */
const before = { ms: 60_000, lines: 500 };
/** A connection that is made again asks so far back for lines that were committed late. */
const overlapMs = 10_000;
const remembered = 5000;
const pausesMs = [500, 1000, 2000, 5000, 10_000];

/**
 * Lines of a query as they are committed, until the returned function is called. A connection that ends is made again,
 *
 * from the newest line on.
 */
export function tail(query: string, { came, problem }: Listener): () => void {
  let socket: WebSocket | null = null;
  let failures = 0;
  let ended = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let since = `${Date.now() - before.ms}000000`;
  let waiting: LogRow[] = [];
  let dropped = 0;
  const seen = new Set<string>();
  const isNew = ({ ns, line, labels }: LogRow): boolean => {
    const key = `${ns} ${labels.get('service_name') ?? ''} ${labels.get('span_id') ?? ''} ${line}`;
    if (seen.has(key)) return false;
    seen.add(key);
    if (seen.size > remembered) for (const oldest of seen) if (seen.delete(oldest)) break;
    return true;
  };
  const controller = new AbortController();
  const flush = () => {
    if (waiting.length === 0 && dropped === 0) return;
    const [rows, lost] = [waiting.reverse(), dropped];
    [waiting, dropped] = [[], 0];
    came(rows, lost);
  };
  const flusher = setInterval(flush, gatherMs);

  const open = () => {
    const url = new URL('/loki/api/v1/tail', window.location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.search = new URLSearchParams({ query, start: since, limit: String(before.lines) }).toString();
    let opened = false;
    const own = new WebSocket(url);
    socket = own;
    own.onopen = () => {
      opened = true;
      failures = 0;
      problem('');
    };
    own.onmessage = ({ data }) => {
      const { streams = [], dropped_entries: lost = [] } = JSON.parse(String(data)) as Frame;
      const rows = rowsOf(streams, 'forward');
      const last = rows.at(-1);
      if (last) since = String(BigInt(last.ns) - BigInt(overlapMs) * 1_000_000n);
      waiting.push(...rows.filter(isNew));
      dropped += lost.length;
    };
    own.onclose = () => {
      if (ended) return;
      const pause = pausesMs[Math.min(failures, pausesMs.length - 1)];
      failures += 1;
      timer = setTimeout(open, pause);
      if (opened) problem('The connection ended; making it again.');
      else void why().then((text) => !ended && socket === own && problem(text));
    };
  };

  /** A refused handshake does not say why; the same query asked otherwise does. */
  const why = async (): Promise<string> => {
    try {
      const now = Date.now();
      await logLines(query, { startMs: now - 1000, endMs: now }, 1, controller.signal);
      return 'The server opens no more live tails at the moment; trying again.';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };

  open();
  return () => {
    ended = true;
    controller.abort();
    clearInterval(flusher);
    clearTimeout(timer);
    socket?.close();
  };
}
