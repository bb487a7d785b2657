import type { QueryLanguage } from '../../api/dashboards';

/** What is chosen of a variable. */
export interface Chosen {
  readonly values: readonly string[];
  /** Whether its place in a query is a regular expression: it may have several values. */
  readonly several: boolean;
  /** Every value there is, without a list of them. */
  readonly all: boolean;
}

export type Values = ReadonlyMap<string, Chosen>;

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/** OTLP exporters send metrics each minute unless told otherwise; a rate needs several samples. */
const leastRateSeconds = 240;

/** Variables that are there without being defined, as Grafana names them. */
export function builtIn({ startMs, endMs }: Window, stepSeconds: number): Values {
  const span = Math.round((endMs - startMs) / 1000);
  const one = (value: string | number): Chosen => ({ values: [String(value)], several: false, all: false });
  return new Map([
    ['__interval', one(`${stepSeconds}s`)],
    ['__interval_ms', one(stepSeconds * 1000)],
    ['__auto', one(`${stepSeconds}s`)],
    ['__rate_interval', one(`${Math.max(leastRateSeconds, stepSeconds * 4)}s`)],
    ['__range', one(`${span}s`)],
    ['__range_s', one(span)],
    ['__range_ms', one(span * 1000)],
    ['__from', one(Math.round(startMs))],
    ['__to', one(Math.round(endMs))],
  ]);
}

const reference = /\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]|\$(\w+)/g;

/** A query with its variables' values in place, escaped for where they stand. Names that are not known stay. */
export function interpolated(text: string, language: QueryLanguage, values: Values, range: Window): string {
  const whole = language === 'sql' ? sqlMacros(text, range) : text;
  const replaced = (
    found: string,
    braced?: string,
    format1?: string,
    bracketed?: string,
    format2?: string,
    plain?: string,
    at = 0,
  ) => {
    const chosen = values.get(braced ?? bracketed ?? plain ?? '');
    if (!chosen) return found;
    const quote = quoteAt(whole, at);
    return language === 'sql'
      ? forSql(chosen, quote)
      : forSelector(chosen, quote, format1 ?? format2 ?? '', language);
  };
  return whole.replace(reference, replaced);
}

export function variablesIn(text: string): string[] {
  return [...text.matchAll(reference)].map(
    ([, braced, , bracketed, , plain]) => braced ?? bracketed ?? plain ?? '',
  );
}

function sqlMacros(text: string, { startMs, endMs }: Window): string {
  const at = (ms: number) => `make_timestamp(${Math.round(ms)}000)`;
  return text
    .replace(
      /\$__timeFilter\(\s*([\w."]+)\s*\)/g,
      (_all, column: string) => `(${column} >= ${at(startMs)} AND ${column} < ${at(endMs)})`,
    )
    .replace(/\$__timeFrom\(\)/g, at(startMs))
    .replace(/\$__timeTo\(\)/g, at(endMs));
}

/** The quote that a place of a query is within; empty outside of all. */
function quoteAt(text: string, at: number): string {
  let quote = '';
  for (let i = 0; i < at; i++) {
    const char = text.charAt(i);
    if (quote === '') {
      if (char === '"' || char === "'" || char === '`') quote = char;
    } else if (char === '\\' && quote !== '`') i++;
    else if (char === quote) quote = '';
  }
  return quote;
}

const regexEscaped = (value: string) => value.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

function quoted(value: string, quote: string): string {
  if (quote !== '"' && quote !== "'") return value;
  return value.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`).replaceAll('\n', '\\n');
}

function forSelector(
  { values, several, all }: Chosen,
  quote: string,
  format: string,
  language: QueryLanguage,
): string {
  // A matcher of Loki's must not match what is empty.
  if (all) return language === 'logql' ? '.+' : '.*';
  if (format === 'csv') return values.join(',');
  if (format === 'raw' || (quote === '' && format === '')) return values.join('|');
  const asRegex = format === 'regex' || format === 'pipe' || several;
  const parts = values.map((value) =>
    quoted(asRegex && format !== 'pipe' ? regexEscaped(value) : value, quote),
  );
  return parts.length === 1 ? (parts[0] ?? '') : `(${parts.join('|')})`;
}

function forSql({ values }: Chosen, quote: string): string {
  const escaped = values.map((value) => value.replaceAll("'", "''").replaceAll('\0', ''));
  if (quote === "'") return escaped.join(',');
  if (values.length === 0) return 'NULL';
  return values.every((value) => /^-?\d+(\.\d+)?$/.test(value))
    ? values.join(', ')
    : escaped.map((value) => `'${value}'`).join(', ');
}
