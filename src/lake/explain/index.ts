import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { literal } from '../../duckdb/index.js';
import type { RunSql } from '../run-sql.js';
import type { ScanFigures, ScanKind, StatementFigures } from './figures.js';
import { comparisonsOf, filesNamed, scansOf, type Profile, type Scan } from './operators.js';
import { groupFigures } from './row-groups.js';

export type { ScanFigures, StatementFigures } from './figures.js';

/** Settings that one connection changes while it is asked how statements run. */
export const profilingSettings = ['enable_profiling', 'profiling_mode', 'profiling_output'];

/** Gives connections on which files are looked at. */
export interface LookSource {
  connect(): Promise<DuckDBConnection>;
  release?(connection: DuckDBConnection): void;
}

/** DuckDB's profile of one statement of a connection, which it writes as a file. Begins before the statement, and ends after it. */
export class StatementProfile {
  private constructor(
    private readonly connection: DuckDBConnection,
    private readonly source: LookSource,
    private readonly file: string,
    private readonly sql: string,
    private readonly beginMs: number,
  ) {}

  static async begin(
    connection: DuckDBConnection,
    source: LookSource,
    sql: string,
  ): Promise<StatementProfile> {
    const begun = performance.now();
    const reader = await connection.runAndReadAll(`SELECT current_setting('temp_directory')`);
    const folder = String(reader.getRows()[0]?.[0]);
    await mkdir(folder, { recursive: true });
    const file = join(folder, `profile-${randomUUID()}.json`);
    await connection.run(`PRAGMA enable_profiling = 'json'`);
    await connection.run(`SET profiling_output = ${literal(file)}`);
    await connection.run(`SET profiling_mode = 'detailed'`);
    return new StatementProfile(connection, source, file, sql, performance.now() - begun);
  }

  /** Null for a statement that was stopped before its end. */
  async end(): Promise<StatementFigures | null> {
    const begun = performance.now();
    await this.connection.run('PRAGMA disable_profiling');
    const text = await readFile(this.file, 'utf8').catch(() => null);
    await rm(this.file, { force: true });
    if (text === null) return null;
    const profile = JSON.parse(text) as Profile;
    const planning = (profile.planner ?? 0) + (profile.all_optimizers ?? 0) + (profile.physical_planner ?? 0);
    const scans = await this.#looked(scansOf(profile));
    const ms = (seconds: number | undefined) => (seconds ?? 0) * 1000;
    const explainMs = this.beginMs + performance.now() - begun;
    return { ms: ms(profile.latency), planMs: ms(planning), cpuMs: ms(profile.cpu_time), scans, explainMs };
  }

  /** On a connection of its own: an error would end the transaction of the query. */
  async #looked(scans: readonly Scan[]): Promise<ScanFigures[]> {
    const looking = await this.source.connect();
    const run: RunSql = async (sql) => (await looking.runAndReadAll(sql)).getRows();
    const figures: ScanFigures[] = [];
    try {
      for (const scan of scans) figures.push(await this.#figures(scan, run));
    } finally {
      if (this.source.release) this.source.release(looking);
      else looking.closeSync();
    }
    return figures;
  }

  async #figures(scan: Scan, run: RunSql): Promise<ScanFigures> {
    const kind = kindOf(scan);
    const { name, table, rows, filters } = scan;
    const told = { kind, of: table ?? name, rows, filters: filters.join(' AND ') };
    const unknown = { ...told, files: null, rowGroups: null, bytes: null, rowsInGroups: null };
    if (kind !== 'lake' && kind !== 'parquet') return unknown;
    const all = kind === 'lake' ? await tableFiles(run, table ?? '') : (scan.files ?? this.#listed());
    // DuckDB counts those that were read to their end.
    const read = scan.filesRead === null ? null : Math.max(scan.filesRead, scan.files?.length ?? 0);
    const files =
      read === null ? null : { read, skipped: all === null ? null : Math.max(0, all.length - read) };
    if (all === null || read === null) return { ...unknown, files };
    const looked = {
      files: all,
      opened: scan.files ?? filesNamed(filters),
      read,
      columns: scan.columns,
      comparisons: comparisonsOf(filters),
    };
    const groups = await groupFigures(run, looked).catch(() => null);
    if (groups === null) return { ...unknown, files };
    return {
      ...told,
      files,
      rowGroups: { read: groups.read, skipped: groups.skipped },
      bytes: groups.bytes,
      rowsInGroups: groups.rows,
    };
  }

  /** DuckDB names a few files of a scan; the statement names all of them, when it has one list alone. */
  #listed(): string[] | null {
    const lists = [...this.sql.matchAll(/read_parquet\(\[('[^']*'(?:(?:, ?)?'[^']*')*(?:, ?)?)\]/g)];
    if (lists.length !== 1) return null;
    const paths = (lists[0]?.[1] ?? '').matchAll(/'((?:[^']|'')*)'/g);
    return [...paths].map(([, path = '']) => path.replaceAll("''", "'"));
  }
}

function kindOf({ name, table }: Scan): ScanKind {
  if (name === 'DUCKLAKE_SCAN') return 'lake';
  if (name === 'READ_PARQUET') return 'parquet';
  return name === 'SEQ_SCAN' && table !== null ? 'memory' : 'other';
}

/** The live files of a table of the lake; null when they can't be had. */
async function tableFiles(run: RunSql, table: string): Promise<string[] | null> {
  const sql = `SELECT data_file FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main')`;
  const rows = await run(sql).catch(() => null);
  return rows?.map(([path]) => path as string) ?? null;
}
