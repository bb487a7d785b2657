/**
 * Named points at which the drills end the process. `CANARDSTACK_FAULT=<point>[:<nth>]` sends SIGKILL
 * to the process itself at the nth passage (default 1); unset, a point costs one undefined check.
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
   * Records are in hand. `seal.attempt:<signal>@<position>[:heap]` ends the process each time that the record at that
   * position is among them: by SIGKILL, or by filling the heap.
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

/** Parses the value of CANARDSTACK_FAULT; throws on an unknown point. */
export function faultsFrom(value: string | undefined): Faults {
  if (!value) return undefined;
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

function atRecord(place: string, way: string | undefined): Faults {
  const [signal, position] = place.split('@');
  return (point, inHand = []) => {
    if (point !== 'seal.attempt') return;
    const at = Number(position);
    if (!inHand.some((s) => s.stream.endsWith(`/${signal ?? ''}`) && s.start <= at && at < s.end)) return;
    if (way !== 'heap') process.kill(process.pid, 'SIGKILL');
    const filling: number[][] = [];
    for (;;) filling.push(new Array<number>(1e6).fill(filling.length));
  };
}
