import { ident, inTransaction, literal } from '../../duckdb/index.js';
import { tableDef, type Signal, type TableName } from '../../schema/index.js';
import { attachedChangesSince } from '../metadata/changes.js';
import { readMeta, setMeta } from '../schema.js';
import { rewrittenSince } from './deletions.js';
import type { LakeFiles } from './inventory.js';
import { usedTables } from './metadata.js';
import { compactedPrefix, flushedPrefix } from './moved.js';
import type { TaskRun } from './task.js';

/** Values kept per name and day; a label with more of them is no good for a drop-down anyway. */
const maxValuesPerName = 10_000;
const snapshotKey = 'summary_snapshot';

const summaryKeys = [
  'signal',
  'day',
  'kind',
  'name',
  'value',
  'metric_type',
  'metric_unit',
  'metric_description',
  'service_name',
  'deployment_environment',
  'severity_text',
];

interface Source {
  readonly table: TableName;
  readonly signal: Signal;
  /** Columns whose distinct values are kept. */
  readonly labels: readonly string[];
  readonly metricType: string | null;
}

function source(table: TableName, labels: readonly string[], metricType: string | null = null): Source {
  const def = tableDef(table);
  const promoted = def.promoted.filter((attribute) => attribute.from === 'resource').map((p) => p.column);
  return { table, signal: def.signal, labels: ['service_name', ...labels, ...promoted], metricType };
}

const sources: readonly Source[] = [
  source('logs', ['service_namespace', 'severity_text', 'scope_name', 'event_name']),
  source('spans', ['service_namespace', 'span_name', 'http_request_method', 'http_route', 'db_system_name']),
  source('metric_gauge', [], 'gauge'),
  source('metric_sum', [], 'sum'),
  source('metric_histogram', [], 'histogram'),
  source('metric_exponential_histogram', [], 'exponential_histogram'),
  source('metric_summary', [], 'summary'),
];

/** Rows that maintenance has moved to another file since they were counted. */
const moved = `regexp_matches(filename, '/(${[compactedPrefix, flushedPrefix].join('|')})[^/]*$')`;

/**
 * Brings `metadata_summary` up to the current snapshot: aggregates only rows of snapshots since the last
 * refresh and folds them into the rows of the days they touch. Off the commit path; commits don't touch it.
 * Gives the snapshot: rows of later ones must not be moved before they are counted.
 */
export async function refreshSummary(task: TaskRun, lakeFiles: LakeFiles): Promise<number> {
  const meta = await task.retried(() => readMeta(task.connection));
  const from = Number(meta.get(snapshotKey) ?? 0);
  const [current] = await task.rows(`SELECT id FROM ducklake_current_snapshot('lake')`);
  const to = Number(current?.[0]);
  if (to <= from) return to;
  await task.run(`CREATE OR REPLACE TEMP TABLE summary_delta AS FROM lake.main.metadata_summary WHERE false`);
  try {
    const changed = await changedTables(task, lakeFiles, from);
    const rewritten = await rewrittenSince(task, lakeFiles.catalogKind, from);
    for (const each of sources.filter(({ table }) => changed(table))) {
      await task.run(
        `CREATE OR REPLACE TEMP TABLE summary_rows AS ${counted(each, from, to, rewritten.get(each.table) ?? [])}`,
      );
      for (const select of aggregates(each)) {
        await task.run(`INSERT INTO temp.main.summary_delta BY NAME ${select}`);
      }
    }
    await task.retried(() => fold(task, to));
  } finally {
    for (const table of ['summary_rows', 'summary_delta']) {
      await task.connection.run(`DROP TABLE IF EXISTS temp.main.${table}`).catch(() => undefined);
    }
  }
  return to;
}

async function fold(task: TaskRun, to: number): Promise<void> {
  const { connection } = task;
  const work = async () => {
    const keys = summaryKeys.map(ident).join(', ');
    const touched = '(signal, day) IN (SELECT DISTINCT signal, day FROM temp.main.summary_delta)';
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE summary_folded AS
       FROM (
         SELECT ${keys}, sum(row_count)::BIGINT AS row_count, min(first_seen) AS first_seen, max(last_seen) AS last_seen
         FROM (FROM lake.main.metadata_summary WHERE ${touched} UNION ALL BY NAME FROM temp.main.summary_delta)
         GROUP BY ${keys}
       ) QUALIFY row_number() OVER (PARTITION BY signal, day, kind, name ORDER BY row_count DESC) <= ${maxValuesPerName}`,
    );
    await connection.run(`DELETE FROM lake.main.metadata_summary WHERE ${touched}`);
    await connection.run(`INSERT INTO lake.main.metadata_summary BY NAME FROM temp.main.summary_folded`);
    await setMeta(connection, snapshotKey, String(to));
    await task.syncFiles('metadata_summary');
  };
  try {
    await inTransaction(connection, work, () => task.commit(connection));
  } finally {
    await connection.run('DROP TABLE IF EXISTS temp.main.summary_folded').catch(() => undefined);
  }
}

/** The tables of which a commit since tells: on a catalog server each statement on the others takes as long as one on these. */
async function changedTables(
  task: TaskRun,
  lakeFiles: LakeFiles,
  from: number,
): Promise<(table: TableName) => boolean> {
  const { unknown, changed } = await attachedChangesSince(BigInt(from), (sql) => task.rows(sql));
  // The making of a table is a change, too.
  const used = await usedTables(task, lakeFiles, unknown ? null : changed);
  return (table) => used.has(table);
}

/** What tells rows apart that the summary counts. */
const environment = 'deployment_environment_name';
const metricKeys = ['prometheus_name', 'metric_name', 'metric_unit', 'metric_description'];

/** Rows of a table since the last refresh, counted by all that any aggregate goes by: each is one of these few, not of all rows. */
function counted(
  { table, labels, metricType }: Source,
  from: number,
  to: number,
  rewritten: readonly number[],
): string {
  // As values they do no harm, and one may be of a row that no run has counted.
  const known = rewritten.length === 0 ? moved : `(${moved} OR snapshot_id IN (${rewritten.join(', ')}))`;
  const severity = table === 'logs' ? ['severity_text'] : [];
  const keys = new Set([...labels, environment, ...severity, ...(metricType === null ? [] : metricKeys)]);
  return `SELECT timestamp::DATE AS day, ${[...keys].map(ident).join(', ')},
      count(*) FILTER (WHERE NOT ${known}) AS row_count, min(timestamp) AS first_seen, max(timestamp) AS last_seen
    FROM lake.main.${ident(table)}
    WHERE timestamp IS NOT NULL AND snapshot_id > ${from} AND snapshot_id <= ${to} GROUP BY ALL`;
}

function aggregates({ table, signal, labels, metricType }: Source): string[] {
  const rows = 'FROM temp.main.summary_rows';
  const facts =
    'sum(row_count)::BIGINT AS row_count, min(first_seen) AS first_seen, max(last_seen) AS last_seen';
  const head = `${literal(signal)} AS signal, day`;
  const kind = literal(signal === 'traces' ? 'tag_value' : 'label_value');
  const name = labels.map((label) => `WHEN grouping(${ident(label)}) = 0 THEN ${literal(label)}`).join(' ');
  const value = `coalesce(${labels.map(ident).join(', ')})`;
  const sets = labels.map((label) => `(day, ${ident(label)})`).join(', ');
  const place = `${environment} AS deployment_environment`;
  const selects = [
    `SELECT ${head}, ${kind} AS kind, CASE ${name} END AS name, ${value} AS value, service_name, ${facts}
     ${rows} GROUP BY GROUPING SETS (${sets}) HAVING ${value} IS NOT NULL`,
  ];
  if (metricType === null) {
    const severity = table === 'logs' ? 'severity_text' : 'NULL::VARCHAR AS severity_text';
    selects.push(
      `SELECT ${head}, 'series' AS kind, service_name AS name, service_name, ${place}, ${severity}, ${facts}
       ${rows} GROUP BY ALL`,
    );
  } else {
    selects.push(
      `SELECT ${head}, 'metric_metadata' AS kind, prometheus_name AS name, metric_name AS value,
         ${literal(metricType)} AS metric_type, metric_unit, metric_description, ${facts}
       ${rows} GROUP BY ALL`,
      `SELECT ${head}, 'series' AS kind, prometheus_name AS name, ${literal(metricType)} AS metric_type,
         service_name, ${place}, ${facts}
       ${rows} GROUP BY ALL`,
    );
  }
  return selects;
}
