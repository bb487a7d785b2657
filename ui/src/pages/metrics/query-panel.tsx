import { useEffect, useState } from 'preact/hooks';
import { exemplars, promRange } from '../../api/prometheus';
import { useQuery } from '../../api/use-query';
import { useRange } from '../../app/range';
import { Empty, Shown } from '../../app/states';
import { stepSeconds } from '../../app/time';
import { Heatmap } from '../../charts/heatmap';
import { LinesChart } from '../../charts/lines-chart';
import { seriesNames } from '../../charts/series-name';
import { SeriesTable } from '../../charts/series-table';
import { CodeField } from '../../editor/editor';

export const forms = ['lines', 'stacked', 'heatmap', 'table'] as const;

const formNames = { lines: 'Lines', stacked: 'Stacked', heatmap: 'Heatmap', table: 'Table' };

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
        <div class="segments" role="group" aria-label="Shown as">
          {forms.map((name) => (
            <button key={name} type="button" aria-pressed={form === name} onClick={() => change(query, name)}>
              {formNames[name]}
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
              <SeriesTable series={series} names={seriesNames(series)} />
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
