import { duckdbBuild } from '../src/lake/index.js';
import { version } from '../src/cli/version.js';
import type { Backends, LakeKind } from './support/lake-kinds.js';

/** What the acceptance suite shows, a column each. */
export const points = [
  { id: 'ingest', title: 'ingest' },
  { id: 'query', title: 'queries' },
  { id: 'checkpoint', title: 'CHECKPOINT' },
  { id: 'retention', title: 'retention' },
  { id: 'verify', title: 'verify' },
  { id: 'restart', title: 'restart' },
  { id: 'offline', title: 'verify, stopped' },
] as const;
export type Point = (typeof points)[number]['id'];

export interface RunOfKind {
  readonly kind: LakeKind;
  readonly points: Partial<Record<Point, { status: 'ok' | 'failed'; milliseconds: number }>>;
}

const names: Readonly<Record<LakeKind, string>> = {
  'local-files': 'local file + folder',
  'local-s3': 'local file + S3',
  'quack-files': 'catalog server (Quack) + folder',
  'quack-s3': 'catalog server (Quack) + S3',
  'postgres-s3': 'PostgreSQL + S3',
};

const meaning = `
| column          | what must hold                                                                                                                                                                            |
| --------------- | ----------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------- |
| ingest          | logs, spans and metrics of every kind are acknowledged and in their tables once, small commits (kept in the catalog) and large ones (Parquet)                                             |
| queries         | Prometheus, Loki and Tempo give the values that were sent; where nodes share the catalog, a query node is asked                                                                           |
| CHECKPOINT      | answers \`{"ran":true,"status":"ok"}\`, \`ducklake_checkpoint_runs_total{status="ok"}\` counts it, counts and queries are as before                                                      |
| retention       | the dry run names the rows that are too old and deletes nothing, the run deletes exactly these                                                                                            |
| verify          | \`canardstack catalog verify --min-age 0\`: every file of the catalog is there, no file is unknown                                                                                        |
| restart         | every process ends with 0 after SIGTERM; started again, the lake has each record once, takes more, and answers                                                           |
| verify, stopped | the same as verify, from the command line alone with no node running                                                                                                                     |
`;

async function versions(backends: Backends): Promise<string> {
  const [postgres] = await (await backends.postgres()).psql('SHOW server_version');
  return [
    `canardstack ${version}`,
    `DuckDB ${(await duckdbBuild()).version.slice(1)}`,
    `PostgreSQL ${(postgres ?? '').split(' ')[0]}`,
    'versitygw as the S3 server',
    `Node ${process.versions.node}`,
  ].join(', ');
}

/** The page of a whole run; both servers of `backends` still run. */
export async function matrixPage(runs: readonly RunOfKind[], backends: Backends): Promise<string> {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const cell = (run: RunOfKind, id: Point) => {
    const found = run.points[id];
    return found === undefined ? 'not run' : `${found.status}, ${(found.milliseconds / 1000).toFixed(1)} s`;
  };
  return (
    '# Acceptance on every kind of lake\n\n' +
    'Made by `npm run docs:matrix` from a run of `test/matrix.test.ts`, which `npm test` repeats: the same suite on each kind,\n' +
    'every process and every server real. The times are those of a busy machine and include waiting for visibility.\n\n' +
    `${new Date().toISOString().slice(0, 10)}; ${await versions(backends)}.\n\n` +
    row(['', ...points.map(({ title }) => title)]) +
    row(['---', ...points.map(() => '---')]) +
    runs.map((run) => row([names[run.kind], ...points.map(({ id }) => cell(run, id))])).join('') +
    meaning
  );
}
