import type { Faults } from '../faults/index.js';
import type { Telemetry } from '../telemetry/index.js';
import type { Clocks } from './clock/index.js';
import type { LakeConfig } from './config.js';
import type { SpareCpu } from './maintenance/compaction/index.js';

export interface OpenLakeOptions {
  readonly config: LakeConfig;
  readonly nodeId: string;
  /** Tells this process from others with the same node id; unset, they are not told apart. */
  readonly runId?: { readonly id: string; readonly predecessors: ReadonlySet<string> };
  readonly telemetry: Telemetry;
  readonly faults?: Faults;
  /** Opens an existing lake for reading only: `commit` and maintenance refuse. */
  readonly readOnly?: boolean;
  /** Bound of one commit, milliseconds. */
  readonly commitTimeoutMs?: number;
  /** Instead of the system's clocks. */
  readonly clocks?: Clocks;
  /** Instead of what this process takes beside compaction. */
  readonly spareCpu?: SpareCpu;
}
