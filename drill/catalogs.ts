import { options } from '../bench/options.js';
import { Backends, lakeKinds, skipKind } from '../test/support/lake-kinds.js';
import { drillKind, type KindResult } from './catalogs/kind.js';

const args = options(
  'npm run drill:catalogs',
  `Each kind of lake under load: SIGKILL of the ingest node, of what holds the catalog, of both; an object store that
answers 500, 503, slowly, or breaks connections; then the catalog server replaced, and its volume lost. Half of the
blows fall into CHECKPOINT. Afterwards every acknowledged record must be there exactly once, and after a repair no
file unknown. Prints a table; exit code 1 when a promise was broken.`,
  {
    kind: { text: 'kind of lake', of: 'KIND', multiple: true, among: lakeKinds },
    kills: { value: 2, text: 'blows of each sort' },
  },
);
const kinds = lakeKinds.filter((kind) => args.kind.length === 0 || args.kind.includes(kind));

const backends = new Backends({ fsync: true });
const results: KindResult[] = [];
let failed = 0;
for (const kind of kinds) {
  const skip = skipKind(kind);
  if (skip !== false) {
    failed++;
    console.error(`${kind}: ${skip}`);
    continue;
  }
  try {
    results.push(await drillKind({ kind, backends, times: args.kills, report: (line) => console.log(line) }));
  } catch (error) {
    failed++;
    console.error(error instanceof Error ? error.message : error);
  }
}
await backends.stop();

const counts = (of: Readonly<Record<string, number>>) =>
  Object.entries(of)
    .map(([name, n]) => `${name} ${n}`)
    .join(', ') || 'none';
const row = (cells: readonly (string | number)[]) => console.log(`| ${cells.join(' | ')} |`);
console.log('');
row(['kind', 'blows', 'acknowledged', 'answer lost', 'unknown files before the repair', 'after it']);
row(['---', '---', '---', '---', '---', '---']);
for (const { kind, rounds, acknowledged, lostAnswers, files } of results) {
  row([kind, counts(rounds), acknowledged, lostAnswers, counts(files.orphans), 'none']);
}
for (const { kind, replacement } of results) if (replacement !== null) console.log(`${kind}: ${replacement}`);
console.log(failed === 0 ? 'nothing missing, nothing twice' : `${failed} FAILED`);
process.exit(failed === 0 ? 0 : 1);
