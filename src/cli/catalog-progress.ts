import type { Progress } from '../recovery/index.js';

export interface ProgressLine {
  readonly report: Progress;
  /** Clears the bar. */
  end(): void;
}

const barColumns = 24;
const redrawMs = 100;
const lineMs = 10_000;

/**
 * Shows how far a long task is: a bar that is redrawn on a terminal, else a line for each step and every ten seconds
 * within one.
 */
export function progressLine(
  out: Pick<NodeJS.WriteStream, 'write'> & { readonly isTTY?: boolean; readonly columns?: number },
  silent: boolean,
): ProgressLine {
  let [step, shownAt] = ['', -Infinity];
  const report: Progress = (name, done, total) => {
    if (silent) return;
    const now = performance.now();
    const isNew = name !== step;
    const pause = out.isTTY ? redrawMs : lineMs;
    if (!isNew && now - shownAt < pause && done !== total) return;
    if (!out.isTTY && !isNew && now - shownAt < lineMs) return;
    [step, shownAt] = [name, now];
    const count = total === null ? `${done}` : `${done}/${total}`;
    if (!out.isTTY) {
      out.write(`${name}: ${count}\n`);
      return;
    }
    const share = total === null || total === 0 ? 0 : Math.min(1, done / total);
    const full = Math.round(share * barColumns);
    const bar = total === null ? '' : ` [${'#'.repeat(full)}${'.'.repeat(barColumns - full)}]`;
    out.write(`\r\x1b[K${`${name}${bar} ${count}`.slice(0, (out.columns ?? 80) - 1)}`);
  };
  return {
    report,
    end() {
      if (out.isTTY && !silent && step !== '') out.write('\r\x1b[K');
    },
  };
}
