/**
 * Named points at which the kill drill ends the process. `CANARDSTACK_FAULT=<point>[:<nth>]` sends SIGKILL
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

export type FaultPoint = (typeof faultPoints)[number];
export type Faults = ((point: FaultPoint) => void) | undefined;

/** Parses the value of CANARDSTACK_FAULT; throws on an unknown point. */
export function faultsFrom(value: string | undefined): Faults {
  if (!value) return undefined;
  const [name, nth = '1'] = value.split(':');
  const target = faultPoints.find((point) => point === name);
  if (!target) throw new Error(`CANARDSTACK_FAULT: ${name ?? ''} is not one of ${faultPoints.join(', ')}`);
  let left = Number(nth);
  return (point) => {
    if (point === target && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
