import { useMemo, useState } from 'preact/hooks';
import type { LogRow } from '../../api/loki';
import { formatPercent } from '../../format/numbers';
import type { Filter } from './builder';
import { fieldsOf } from './load';

interface Props {
  readonly rows: readonly LogRow[];
  readonly columns: readonly string[];
  readonly filter: (filter: Filter) => void;
  readonly setColumns: (columns: readonly string[]) => void;
}

/** The labels of the lines that are shown; opened, their most frequent values. */
export function Fields({ rows, columns, filter, setColumns }: Props) {
  const fields = useMemo(() => fieldsOf(rows), [rows]);
  const [open, setOpen] = useState<string>();
  return (
    <aside class="card fields" aria-label="Fields">
      <h2>
        Fields <span class="faint">of these lines</span>
      </h2>
      <ul class="plain-list">
        {fields.map(({ name, count, distinct, values }) => (
          <li key={name}>
            <div class="row">
              <button
                type="button"
                class="plain grow"
                title={name}
                aria-expanded={open === name}
                onClick={() => setOpen(open === name ? undefined : name)}
              >
                <span class="faint">{open === name ? '▾' : '▸'}</span> {name}
              </button>
              <span class="faint distinct" title="Different values">
                {distinct}
              </span>
              <button
                type="button"
                class="plain small"
                aria-pressed={columns.includes(name)}
                title={`${name} as a column`}
                aria-label={`${name} as a column`}
                onClick={() =>
                  setColumns(
                    columns.includes(name) ? columns.filter((one) => one !== name) : [...columns, name],
                  )
                }
              >
                ▥
              </button>
            </div>
            {open === name && (
              <ul class="plain-list values">
                {values.map(([value, times]) => (
                  <li key={value} class="row">
                    <span class="mono grow" title={value}>
                      {value.slice(0, 80) || '(empty)'}
                    </span>
                    <span class="faint">{formatPercent(times / count)}</span>
                    <button
                      type="button"
                      class="small"
                      aria-label={`Only ${name} ${value}`}
                      title="Only these"
                      onClick={() => filter({ name, op: '=', value })}
                    >
                      +
                    </button>
                    <button
                      type="button"
                      class="small"
                      aria-label={`Without ${name} ${value}`}
                      title="Without these"
                      onClick={() => filter({ name, op: '!=', value })}
                    >
                      −
                    </button>
                  </li>
                ))}
              </ul>
            )}
          </li>
        ))}
      </ul>
    </aside>
  );
}
