import { useRef, useState } from 'preact/hooks';
import type { SqlResult } from '../../api/sql';
import { Empty } from '../../app/states';
import { download, toCsv } from '../../format/download';
import { counted } from '../../format/numbers';
import { useVirtual } from '../../table/virtual';
import { Chart, chartable } from './chart';

function shown(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Rows as a grid, of which only those in sight are in the page; as a chart where their types allow. */
export function Result({ result }: { readonly result: SqlResult }) {
  const scroller = useRef<HTMLDivElement>(null);
  const [asChart, setAsChart] = useState(false);
  const virtual = useVirtual({ count: result.rows.length, scroller, rowHeight: 27 });
  const names = result.columns.map(({ name }) => name);
  const [first, last] = [virtual.items[0], virtual.items.at(-1)];
  const canChart = chartable(result);
  return (
    <section class="card" aria-label="Result">
      <div class="row">
        <span role="status">
          {counted(result.rows.length, 'row')}
          {result.truncated && ', more were cut off'}
        </span>
        <span class="grow" />
        {canChart && (
          <button type="button" aria-pressed={asChart} onClick={() => setAsChart(!asChart)}>
            Chart
          </button>
        )}
        <button type="button" onClick={() => download('result.csv', 'text/csv', toCsv(names, result.rows))}>
          CSV
        </button>
        <button
          type="button"
          onClick={() =>
            download(
              'result.jsonl',
              'application/x-ndjson',
              result.rows
                .map((row) => JSON.stringify(Object.fromEntries(names.map((name, i) => [name, row[i]]))))
                .join('\n') + '\n',
            )
          }
        >
          JSON lines
        </button>
      </div>
      {asChart && canChart ? (
        <Chart result={result} />
      ) : result.rows.length === 0 ? (
        <Empty>No rows.</Empty>
      ) : (
        <div class="grid" ref={scroller} tabIndex={0} role="region" aria-label="Rows">
          <table>
            <thead>
              <tr>
                {result.columns.map(({ name, type }, i) => (
                  <th
                    key={i}
                    scope="col"
                    title={type}
                    class={typeof result.rows[0]?.[i] === 'number' ? 'number' : ''}
                  >
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              <tr aria-hidden="true" style={{ height: `${first?.start ?? 0}px` }} />
              {virtual.items.map(({ index }) => (
                <tr key={index}>
                  {(result.rows[index] ?? []).map((value, i) => (
                    <td
                      key={i}
                      class={typeof value === 'number' ? 'number' : value === null ? 'faint' : ''}
                      title={shown(value)}
                    >
                      {shown(value).slice(0, 200)}
                    </td>
                  ))}
                </tr>
              ))}
              <tr aria-hidden="true" style={{ height: `${virtual.totalHeight - (last?.end ?? 0)}px` }} />
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
