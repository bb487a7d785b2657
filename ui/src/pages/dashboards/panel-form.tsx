import type { Panel, PanelQuery, PanelUnit, QueryLanguage } from '../../api/dashboards';
import { CodeField } from '../../editor/editor';

const kinds: readonly (readonly [Panel['kind'], string])[] = [
  ['lines', 'lines'],
  ['stacked', 'stacked areas'],
  ['heatmap', 'heatmap of buckets'],
  ['stat', 'single values'],
  ['table', 'table'],
  ['logs', 'log lines'],
  ['row', 'a heading'],
];

const units: readonly (readonly [PanelUnit, string])[] = [
  ['none', 'plain'],
  ['seconds', 'seconds'],
  ['milliseconds', 'milliseconds'],
  ['bytes', 'bytes'],
  ['percent', 'percent (0 to 100)'],
  ['ratio', 'percent (0 to 1)'],
  ['perSecond', 'per second'],
  ['bytesPerSecond', 'bytes per second'],
];

const languages: readonly (readonly [QueryLanguage, string])[] = [
  ['promql', 'PromQL'],
  ['logql', 'LogQL'],
  ['traceql', 'TraceQL'],
  ['sql', 'SQL'],
];

interface Props {
  readonly panel: Panel;
  readonly change: (panel: Panel) => void;
}

export function PanelForm({ panel, change }: Props) {
  const set = (part: Partial<Panel>) => change({ ...panel, ...part });
  const setQuery = (at: number, part: Partial<PanelQuery>) =>
    set({ queries: panel.queries.map((one, i) => (i === at ? { ...one, ...part } : one)) });
  return (
    <div class="panel-form">
      <div class="row">
        <label class="grow">
          Title{' '}
          <input
            value={panel.title}
            maxLength={200}
            onInput={(event) => set({ title: event.currentTarget.value })}
          />
        </label>
        <Choice label="Shown as" value={panel.kind} options={kinds} pick={(kind) => set({ kind })} />
        <Choice label="Unit" value={panel.unit} options={units} pick={(unit) => set({ unit })} />
        <Size
          label="Width (of 12)"
          value={panel.width}
          least={1}
          most={12}
          pick={(width) => set({ width })}
        />
        <Size label="Height" value={panel.height} least={2} most={40} pick={(height) => set({ height })} />
      </div>
      {panel.kind !== 'row' &&
        panel.queries.map((query, at) => (
          <div class="row" key={`${at} ${panel.queries.length}`}>
            <Choice
              label="Language"
              value={query.language}
              options={languages}
              pick={(language) => setQuery(at, { language })}
            />
            <div class="grow panel-query">
              <CodeField
                key={query.language}
                language={query.language}
                label={`Query ${at + 1}`}
                value={query.text}
                run={(text) => setQuery(at, { text })}
                leave={(text) => setQuery(at, { text })}
              />
            </div>
            <label>
              Legend{' '}
              <input
                value={query.legend ?? ''}
                placeholder="{{label}}"
                maxLength={500}
                onChange={(event) => setQuery(at, { legend: event.currentTarget.value })}
              />
            </label>
            {panel.queries.length > 1 && (
              <button
                type="button"
                aria-label={`Remove query ${at + 1}`}
                title="Remove"
                onClick={() => set({ queries: panel.queries.filter((_one, i) => i !== at) })}
              >
                ✕
              </button>
            )}
          </div>
        ))}
      {panel.kind !== 'row' && panel.queries.length < 20 && (
        <button
          type="button"
          onClick={() =>
            set({
              queries: [...panel.queries, { language: panel.queries.at(-1)?.language ?? 'promql', text: '' }],
            })
          }
        >
          One more query
        </button>
      )}
    </div>
  );
}

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [T, string])[];
  readonly pick: (value: T) => void;
}

function Choice<T extends string>({ label, value, options, pick }: ChoiceProps<T>) {
  return (
    <label>
      {label}{' '}
      <select value={value} onChange={(event) => pick(event.currentTarget.value as T)}>
        {options.map(([one, name]) => (
          <option key={one} value={one}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

interface SizeProps {
  readonly label: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  readonly pick: (value: number) => void;
}

function Size({ label, value, least, most, pick }: SizeProps) {
  return (
    <label>
      {label}{' '}
      <input
        type="number"
        class="short"
        min={least}
        max={most}
        value={value}
        onChange={(event) => {
          const given = Math.round(Number(event.currentTarget.value));
          if (Number.isFinite(given)) pick(Math.min(most, Math.max(least, given)));
        }}
      />
    </label>
  );
}
