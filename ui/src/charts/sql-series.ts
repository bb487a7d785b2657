import type { SqlResult } from '../api/sql';
import type { Series } from '../api/tempo';

function msOf(value: unknown): number {
  if (typeof value !== 'string') return NaN;
  const iso = value.trim().replace(' ', 'T');
  return Date.parse(
    /(Z|[+-]\d\d(:?\d\d)?)$/.test(iso)
      ? iso.replace(/([+-]\d\d)$/, '$1:00')
      : `${iso.includes('T') ? iso : `${iso}T00:00:00`}Z`,
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string'
    ? value
    : value === null || value === undefined
      ? ''
      : JSON.stringify(value);
}

const numeric = /INT|DECIMAL|DOUBLE|FLOAT|REAL|NUMERIC/i;

/**
 * Rows as series: the first column of times is their time, columns of numbers their values, all others labels. Empty
 * without a column of times.
 */
export function sqlSeries({ columns, rows }: SqlResult): Series[] {
  const time = columns.findIndex(({ type }) => /^(TIMESTAMP|DATE)/i.test(type));
  if (time < 0) return [];
  const values = columns.flatMap(({ type }, i) => (numeric.test(type) && !type.endsWith('[]') ? [i] : []));
  const labels = columns.flatMap((_column, i) => (i === time || values.includes(i) ? [] : [i]));
  const found = new Map<string, { labels: Map<string, string>; points: [number, number][] }>();
  for (const row of rows) {
    const at = msOf(row[time]);
    if (Number.isNaN(at)) continue;
    const own = labels.map((i) => [columns[i]?.name ?? '', textOf(row[i])] as const);
    for (const i of values) {
      const key = JSON.stringify([own, i]);
      const series = found.get(key) ?? {
        labels: new Map([['__name__', columns[i]?.name ?? ''] as const, ...own]),
        points: [],
      };
      found.set(key, series);
      if (row[i] !== null && row[i] !== undefined) series.points.push([at, Number(row[i])]);
    }
  }
  for (const { points } of found.values()) points.sort(([a], [b]) => a - b);
  return [...found.values()];
}
