import { faultsFrom } from '../../src/faults/index.js';
import type { LakeConfig } from '../../src/lake/index.js';
import { openTestLake } from '../support/open-lake.js';
import { commit, position } from './flushed-lake.js';

// Two commits and a CHECKPOINT, which the fault ends.
const config = JSON.parse(process.argv[2] ?? '{}') as Partial<LakeConfig>;
const lake = await openTestLake(config.dataDir ?? '', { config, faults: faultsFrom(process.argv[3] ?? '') });
for (let i = await position(lake), end = i + 2; i < end; i++) await commit(lake, i);
await lake.maintenance.checkpoint();
await lake.close();
