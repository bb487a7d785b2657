import type { ScanFigures } from '../../../lake/explain/figures.js';
import type { SqlValue } from '../../../lake/session.js';
import type { Job } from '../endpoint.js';
import type { NotedSession, Step } from './session.js';

/** Milliseconds of a request's parts; what was waited for the lake is in `statements` alone. */
export interface Times {
  readonly parse: number;
  /** Until the first statement. */
  readonly plan: number;
  readonly evaluate: number;
  readonly render: number;
  readonly statements: number;
  /** What explaining itself took, which is in none of the others. */
  readonly explain: number;
  readonly total: number;
}

interface Amounts {
  readonly files: { readonly read: Known; readonly skipped: Known };
  readonly rowGroups: { readonly read: Known; readonly skipped: Known };
  readonly bytes: Known;
  readonly rowsInGroups: Known;
}

type Known = number | 'unknown';

interface ToldScan extends Partial<Amounts> {
  readonly kind: ScanFigures['kind'];
  readonly of: string;
  readonly filters?: string;
  readonly rows: number;
}

type ToldStep =
  | { readonly step: 'memory'; readonly startMs: number; readonly ms: number; readonly text: string }
  | {
      readonly step: 'statement';
      readonly startMs: number;
      readonly ms: number;
      readonly sql: string;
      readonly parameters: readonly string[];
      readonly rows: number;
      /** Stopped before its end, when enough was known. */
      readonly stopped?: true;
      readonly duckdb: 'unknown' | { readonly ms: number; readonly planMs: number; readonly cpuMs: number };
      readonly scans: 'unknown' | readonly ToldScan[];
    };

/** How a request was evaluated, as clients are told. Times are milliseconds, bytes those of compressed columns. */
export interface Explanation extends Amounts {
  readonly language: Job['language'];
  readonly endpoint: string;
  readonly totalMs: number;
  readonly ms: Omit<Times, 'total'>;
  readonly statements: number;
  readonly rows: number;
  readonly steps: readonly ToldStep[];
  /** Steps that are not told, as there were too many. */
  readonly stepsLeftOut?: number;
}

export function explanationOf({ language, endpoint }: Job, session: NotedSession, times: Times): Explanation {
  const { total, ...parts } = times;
  const statements = session.steps.filter((step) => step.kind === 'statement');
  const scans = statements.flatMap(({ figures }) => figures?.scans.filter(ofFiles) ?? [null]);
  const sum = (amount: (scan: ScanFigures) => number | null | undefined): Known => {
    const amounts = scans.map((scan) => (scan === null ? null : amount(scan)));
    return session.dropped > 0 || amounts.some((one) => one === null || one === undefined)
      ? 'unknown'
      : amounts.reduce<number>((all, one) => all + (one ?? 0), 0);
  };
  return {
    language,
    endpoint,
    totalMs: rounded(total),
    ms: {
      parse: rounded(parts.parse),
      plan: rounded(parts.plan),
      statements: rounded(parts.statements),
      evaluate: rounded(parts.evaluate),
      render: rounded(parts.render),
      explain: rounded(parts.explain),
    },
    statements: statements.length,
    rows: statements.reduce((rows, step) => rows + step.rows, 0),
    files: { read: sum((scan) => scan.files?.read), skipped: sum((scan) => scan.files?.skipped) },
    rowGroups: { read: sum((scan) => scan.rowGroups?.read), skipped: sum((scan) => scan.rowGroups?.skipped) },
    bytes: sum((scan) => scan.bytes),
    rowsInGroups: sum((scan) => scan.rowsInGroups),
    steps: session.steps.map(told),
    ...(session.dropped > 0 && { stepsLeftOut: session.dropped }),
  };
}

function ofFiles({ kind }: ScanFigures): boolean {
  return kind === 'lake' || kind === 'parquet';
}

function told(step: Step): ToldStep {
  const time = { startMs: rounded(step.startMs), ms: rounded(step.ms) };
  if (step.kind === 'memory') return { step: 'memory', ...time, text: step.text };
  const { sql, params, rows, complete, figures } = step;
  return {
    step: 'statement',
    ...time,
    sql: bounded(withoutFolders(sql), mostSql),
    parameters: params.slice(0, mostParameters).map(parameterText),
    rows,
    ...(!complete && { stopped: true }),
    duckdb: figures
      ? { ms: rounded(figures.ms), planMs: rounded(figures.planMs), cpuMs: rounded(figures.cpuMs) }
      : 'unknown',
    scans: figures ? figures.scans.map(toldScan) : 'unknown',
  };
}

function toldScan(scan: ScanFigures): ToldScan {
  const { kind, of, rows, filters, files, rowGroups, bytes, rowsInGroups } = scan;
  const own = {
    kind,
    of,
    ...(filters !== '' && { filters: bounded(withoutFolders(filters), mostFilters) }),
    rows,
  };
  if (!ofFiles(scan)) return own;
  return {
    ...own,
    files: { read: files?.read ?? 'unknown', skipped: files?.skipped ?? 'unknown' },
    rowGroups: rowGroups ?? { read: 'unknown', skipped: 'unknown' },
    bytes: bytes ?? 'unknown',
    rowsInGroups: rowsInGroups ?? 'unknown',
  };
}

const mostSql = 20_000;
const mostFilters = 2000;
const mostParameters = 100;
const mostParameter = 200;

function bounded(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}… (${text.length - most} more characters)`;
}

function parameterText(value: SqlValue): string {
  return value === null ? 'NULL' : bounded(String(value), mostParameter);
}

/** A client learns the names of data files, not where they lie. */
function withoutFolders(sql: string): string {
  return sql.replace(/'(?:[^']*[/\\])?([^'/\\]+\.parquet)'/g, "'…/$1'");
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
