import type { Series } from '../api/tempo';
import { formatNumber } from '../format/numbers';
import { Scroll } from '../table/scroll';

interface Props {
  readonly series: readonly Series[];
  readonly names: readonly string[];
  readonly format?: (value: number) => string;
}

const shownSeries = 1000;

/** Each series in a row, with what its values were. */
export function SeriesTable({ series, names, format = formatNumber }: Props) {
  return (
    <Scroll label="Series">
      <table>
        <thead>
          <tr>
            <th scope="col">Series</th>
            {['last', 'least', 'mean', 'most'].map((name) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {series.slice(0, shownSeries).map(({ points }, i) => {
            const values = points.map(([, value]) => value).filter(Number.isFinite);
            const [least, most, sum] = values.reduce(
              ([low, high, all], value) => [Math.min(low, value), Math.max(high, value), all + value],
              [Infinity, -Infinity, 0] as [number, number, number],
            );
            const shown =
              values.length === 0
                ? [NaN, NaN, NaN, NaN]
                : [values.at(-1) ?? NaN, least, sum / values.length, most];
            return (
              <tr key={i}>
                <td class="mono">{names[i]}</td>
                {shown.map((value, column) => (
                  <td key={column} class="number">
                    {format(value)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
      {series.length > shownSeries && (
        <p class="faint">
          {shownSeries} of {series.length} series.
        </p>
      )}
    </Scroll>
  );
}
