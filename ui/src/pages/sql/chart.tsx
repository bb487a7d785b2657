import type { SqlResult } from '../../api/sql';
import { LinesChart } from '../../charts/lines-chart';
import { sqlSeries } from '../../charts/sql-series';
import { formatNumber } from '../../format/numbers';

function numberOf(value: unknown): number {
  return typeof value === 'number'
    ? value
    : typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)
      ? Number(value)
      : NaN;
}

const mostBars = 60;

/** The column of numbers that bars stand for; -1 when there is none beside the first. */
function valueColumn({ columns, rows }: SqlResult): number {
  return columns.findIndex(
    (_column, i) => i > 0 && rows.length > 0 && rows.every((row) => Number.isFinite(numberOf(row[i]))),
  );
}

export function chartable(result: SqlResult): boolean {
  return valueColumn(result) > 0 || sqlSeries(result).length > 0;
}

/** Lines over time where a column has times, else bars. */
export function Chart({ result }: { readonly result: SqlResult }) {
  const series = sqlSeries(result);
  const times = series.flatMap(({ points }) => points.map(([at]) => at));
  const [startMs, endMs] = times.reduce(
    ([least, most], at) => [Math.min(least, at), Math.max(most, at)],
    [Infinity, -Infinity],
  );
  if (!(startMs < endMs)) return <BarTable result={result} />;
  return <LinesChart series={series} form="lines" label="Result over time" window={{ startMs, endMs }} />;
}

/** A bar for each row: the first column names it, the first one of numbers is its length. */
function BarTable({ result }: { readonly result: SqlResult }) {
  const at = valueColumn(result);
  const rows = result.rows.slice(0, mostBars);
  const most = Math.max(...rows.map((row) => Math.abs(numberOf(row[at]))), 1e-12);
  return (
    <>
      <table class="bar-table">
        <thead>
          <tr>
            <th scope="col">{result.columns[0]?.name}</th>
            <th scope="col" class="number">
              {result.columns[at]?.name}
            </th>
            <th scope="col">
              <span class="visually-hidden">Bar</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              <td>{typeof row[0] === 'string' ? row[0] : JSON.stringify(row[0])}</td>
              <td class="number">{formatNumber(numberOf(row[at]))}</td>
              <td class="bar-cell">
                <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                  <rect width={(100 * Math.abs(numberOf(row[at]))) / most} height="10" />
                </svg>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {result.rows.length > mostBars && <p class="faint">The first {mostBars} rows.</p>}
    </>
  );
}
