import { Gauge, type Registry } from '../../telemetry/index.js';
import type { ContradictionKind } from '../types.js';

const kinds: readonly ContradictionKind[] = ['ahead', 'behind', 'nodes'];

export interface ClockMetrics {
  show(offsetMs: number, contradiction: ContradictionKind | null): void;
}

export function clockMetrics(registry: Registry): ClockMetrics {
  const registers = [registry];
  const offset = new Gauge({
    name: 'canardstack_clock_offset_seconds',
    help: "This node's wall clock less the lake's time; positive when the clock is ahead.",
    registers,
  });
  const contradiction = new Gauge({
    name: 'canardstack_clock_contradiction',
    help: '1 while the wall clock contradicts what the lake knows, by how: ahead, behind, or apart from other nodes.',
    labelNames: ['kind'],
    registers,
  });
  for (const kind of kinds) contradiction.set({ kind }, 0);
  return {
    show(offsetMs, found) {
      offset.set(offsetMs / 1000);
      for (const kind of kinds) contradiction.set({ kind }, kind === found ? 1 : 0);
    },
  };
}
