/** The lake runs in this process; catalog server, PostgreSQL and object store are real ones on this machine. */
import { join } from 'node:path';
import { effective, resolveConfig } from '../src/config/index.js';
import { openLake } from '../src/lake/index.js';
import { Backends, lakeKinds, skipKind, TestLake, type LakeKind } from '../test/support/lake-kinds.js';
import { silentTelemetry } from '../test/support/open-lake.js';
import { CatalogBench } from './catalogs/measure.js';
import { options } from './options.js';

const args = options(
  'npm run bench:catalogs',
  'What a commit, CHECKPOINT and the planning of a query take on each kind of catalog, by the number of data files.',
  {
    kind: { multiple: true, of: 'KIND', text: `only this kind of ${lakeKinds.join(', ')}` },
    files: { value: '1,10,1000', of: 'LIST', text: 'numbers of files' },
  },
);
const kinds = (args.kind.length > 0 ? args.kind : lakeKinds) as readonly LakeKind[];
const steps = args.files.split(',').map(Number);
const backends = new Backends({ fsync: true });

async function run(kind: LakeKind): Promise<void> {
  const lake = await TestLake.make({
    kind,
    backends,
    env: { CANARDSTACK_DUCKLAKE_QUACK_TIMEOUT_MS: '15000' },
  });
  try {
    await lake.startCatalog();
    // The object store's credentials are found where the SDK looks for them.
    for (const [name, value] of Object.entries(lake.env))
      if (name.startsWith('AWS_')) process.env[name] = value;
    const env = { ...lake.env, CANARDSTACK_DATA_DIR: join(lake.folder, 'bench') };
    const config = effective(resolveConfig({ env }).config);
    const open = await openLake({ config, nodeId: 'bench', telemetry: silentTelemetry() });
    try {
      const bench = await CatalogBench.make(open, config);
      for (const files of steps) {
        const found = await bench.measure(files);
        const cells = [
          found.commit.p50,
          found.commit.p95,
          found.fileCommit.p50,
          found.fileCommit.p95,
          found.explain.p50,
          found.query.p50,
          found.anyRow.p50,
          found.checkpointMs,
        ];
        console.log(`| ${[kind, files, ...cells.map((ms) => `${ms.toFixed(0)} ms`)].join(' | ')} |`);
      }
      bench.close();
    } finally {
      await open.close();
    }
  } finally {
    await lake.stop();
    await lake.remove();
  }
}

console.log(
  '| kind | files | commit p50 | p95 | commit with a file p50 | p95 | EXPLAIN count over 10 s p50 | count over 10 s p50 | any row p50 | CHECKPOINT |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |');
try {
  for (const kind of kinds) {
    const skip = skipKind(kind);
    if (skip === false) await run(kind);
    else console.error(`${kind}: ${skip}`);
  }
} finally {
  await backends.stop();
}
