/**
 * Named points at which the drills end the process. `CANARDSTACK_FAULT=<point>[:<nth>]` sends SIGKILL
 * to the process itself at the nth passage (default 1); several stand with commas between. Unset, a point costs one
 * undefined check.
 */
export const faultPoints = [
  /** Records are appended to the spool, no fsync covers them yet. */
  'spool.appended',
  /** The fsync has returned, nothing is acknowledged yet. */
  'spool.synced',
  /** A payload is being decoded. */
  'decode.started',
  /** Rows and watermarks are written in an open transaction. */
  'lake.before_commit',
  /** The transaction is committed, the spool does not know yet. */
  'lake.committed',
  /** Inlined rows are in a file, and out of the catalog, in an open transaction. */
  'maintenance.flushed',
  /** CHECKPOINT is running. */
  'maintenance.checkpoint',
  /** Compaction has written its file, the catalog does not know it yet. */
  'maintenance.compacted',
  /** Old files are out and the compacted one is in, in an open transaction. */
  'maintenance.swap',
  /** SIGTERM was received, no payload is taken any more. */
  'drain',
] as const;

/** Points that load alone does not reach. */
const otherPoints = [
  /** A record that was set aside is written for its stream, and is not there yet. */
  'spool.staged',
  /** It is in its stream, and its note is there still. */
  'spool.returned',
  /** A record was set aside, and the note that says so is not written yet. */
  'spool.set_aside',
  /**
   * Records are in hand. `seal.attempt:<signal>@<position>[:<way>]` ends the process each time that the record at that
   * position is among them: by SIGKILL, by filling the heap (`heap`) or other memory (`memory`); `fatal` ends the database.
   */
  'seal.attempt',
] as const;

export type FaultPoint = (typeof faultPoints)[number] | (typeof otherPoints)[number];

/** A stretch of a spool stream (`<node id>/<signal>`). */
export interface InHand {
  readonly stream: string;
  readonly start: number;
  readonly end: number;
}

export type Faults = ((point: FaultPoint, inHand?: readonly InHand[]) => void) | undefined;

type Fault = NonNullable<Faults>;

/** Parses the value of CANARDSTACK_FAULT; throws on an unknown point. */
export function faultsFrom(value: string | undefined): Faults {
  if (!value) return undefined;
  const each = value.split(',').map(faultFrom);
  return (point, inHand) => {
    for (const fault of each) fault(point, inHand);
  };
}

function faultFrom(value: string): Fault {
  const [name, nth = '1', way] = value.split(':');
  const points: readonly FaultPoint[] = [...faultPoints, ...otherPoints];
  const target = points.find((point) => point === name);
  if (!target) throw new Error(`CANARDSTACK_FAULT: ${name ?? ''} is not one of ${points.join(', ')}`);
  if (target === 'seal.attempt') return atRecord(nth, way);
  let left = Number(nth);
  return (point) => {
    if (point === target && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}

function atRecord(place: string, way: string | undefined): Fault {
  const [signal, position] = place.split('@');
  return (point, inHand = []) => {
    if (point !== 'seal.attempt') return;
    const at = Number(position);
    if (!inHand.some((s) => s.stream.endsWith(`/${signal ?? ''}`) && s.start <= at && at < s.end)) return;
    // DuckDB's own words: there is no statement that surely ends it.
    if (way === 'fatal') throw new Error('FATAL Error: asked for by CANARDSTACK_FAULT');
    if (way === 'heap') fillHeap();
    if (way === 'memory') fillMemory();
    process.kill(process.pid, 'SIGKILL');
  };
}

function fillHeap(): never {
  const filling: number[][] = [];
  for (;;) filling.push(new Array<number>(1e6).fill(filling.length));
}

/** Outside the heap, up to 4 GiB: the process has a limit before that. */
function fillMemory(): void {
  const filling: Buffer[] = [];
  while (filling.length < 256) filling.push(Buffer.alloc(2 ** 24, 1));
}
