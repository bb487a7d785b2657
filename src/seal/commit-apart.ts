import type { Portion, Portions } from './portions.js';

/**
 * For a portion of which the lake refuses some rows for good: finds them by halving, down to one payload, which is set
 * aside for `reason`, and commits the others. Rejects as `commit` does.
 */
export async function commitApart(
  portion: Portion,
  reason: string,
  portions: Portions,
  commit: (portion: Portion) => Promise<void>,
): Promise<void> {
  const { backlog, start, end } = portion;
  const starts: number[] = [];
  for await (const entry of backlog.stream.read(start)) {
    if (entry.start >= end) break;
    starts.push(entry.start);
  }
  const [first] = starts;
  if (starts.length <= 1) {
    if (first !== undefined) {
      for await (const entry of backlog.stream.read(first)) {
        await backlog.stream.setAside(entry, { reason });
        break;
      }
    }
    return commit({ ...portion, batches: [], readBack: [] });
  }
  const middle = starts[Math.floor(starts.length / 2)] as number;
  for (const [from, to] of [
    [start, middle],
    [middle, end],
  ] as const) {
    // In several steps when its rows are many.
    for (let at = from; at < to;) {
      const next = await portions.reread(backlog, at, to);
      await commit(next);
      at = next.end;
    }
  }
}
