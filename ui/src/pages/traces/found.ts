import type { FoundTrace } from '../../api/tempo';

function total(trace: FoundTrace, of: 'spanCount' | 'errorCount'): number {
  return Object.values(trace.serviceStats ?? {}).reduce((sum, stats) => sum + (stats[of] ?? 0), 0);
}

export const spansOf = (trace: FoundTrace) => total(trace, 'spanCount');

export const errorsOf = (trace: FoundTrace) => total(trace, 'errorCount');
