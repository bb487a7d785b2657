import { useEffect, useState } from 'preact/hooks';
import { exemplars, promRange } from '../../api/prometheus';
import type { Series } from '../../api/tempo';
import { useQuery } from '../../api/use-query';
import { useRange } from '../../app/range';
import { Empty, Shown } from '../../app/states';
import { stepSeconds } from '../../app/time';
import { Heatmap } from '../../charts/heatmap';
import { LinesChart } from '../../charts/lines-chart';
import { seriesNames } from '../../charts/series-name';
import { CodeField } from '../../editor/editor';
import { formatNumber } from '../../format/numbers';

export const forms = ['lines', 'stacked', 'heatmap', 'table'] as const;

export type Form = (typeof forms)[number];

interface Props {
  readonly query: string;
  readonly form: Form;
  readonly change: (query: string, form: Form) => void;
  readonly remove?: () => void;
}

/** One PromQL query and its chart. */
export function QueryPanel({ query, form, change, remove }: Props) {
  const range = useRange();
  const [draft, setDraft] = useState(query);
  useEffect(() => setDraft(query), [query]);
  const step = stepSeconds(range.endMs - range.startMs, form === 'heatmap' ? 60 : 300);
  const key = query.trim() === '' ? null : `${query} ${range.startMs} ${range.endMs} ${step}`;
  const found = useQuery(key, (signal) => promRange(query, range, step, signal));
  const marks = useQuery(key && form === 'lines' && query.includes('_bucket') ? key : null, (signal) =>
    exemplars(query, range, signal),
  );
  return (
    <section class="card" aria-label={`Query ${query}`}>
      <div class="row">
        <CodeField
          language="promql"
          label="PromQL query"
          value={query}
          run={(text) => change(text, form)}
          change={setDraft}
        />
        <button type="button" class="primary" onClick={() => change(draft, form)}>
          Run
        </button>
        <div class="row" role="group" aria-label="Shown as">
          {forms.map((name) => (
            <button key={name} type="button" aria-pressed={form === name} onClick={() => change(query, name)}>
              {name}
            </button>
          ))}
        </div>
        {remove && (
          <button type="button" aria-label="Remove this query" title="Remove" onClick={remove}>
            ✕
          </button>
        )}
      </div>
      {key === null ? (
        <Empty>Choose a metric, or write PromQL.</Empty>
      ) : (
        <Shown query={found} what="Reading samples">
          {(series) =>
            series.length === 0 ? (
              <Empty>No series in this time range.</Empty>
            ) : form === 'table' ? (
              <SeriesTable series={series} />
            ) : form === 'heatmap' ? (
              <Heatmap series={series} stepMs={step * 1000} />
            ) : (
              <LinesChart series={series} form={form} label={query} exemplars={marks.data ?? []} />
            )
          }
        </Shown>
      )}
    </section>
  );
}

function SeriesTable({ series }: { readonly series: readonly Series[] }) {
  const names = seriesNames(series);
  return (
    <div class="scroll">
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
          {series.slice(0, 1000).map(({ points }, i) => {
            const values = points.map(([, value]) => value).filter(Number.isFinite);
            const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
            return (
              <tr key={i}>
                <td class="mono">{names[i]}</td>
                {[values.at(-1) ?? NaN, Math.min(...values), mean, Math.max(...values)].map(
                  (value, column) => (
                    <td key={column} class="number">
                      {formatNumber(value)}
                    </td>
                  ),
                )}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
