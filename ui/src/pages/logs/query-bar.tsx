import { useEffect, useState } from 'preact/hooks';
import { labelValues } from '../../api/loki';
import { useQuery } from '../../api/use-query';
import { useRange } from '../../app/range';
import { FormOrText } from '../../editor/form-or-text';
import { parseSimple, toLogql, type Filter, type Simple } from './builder';
import { levels } from './levels';

interface Props {
  readonly query: string;
  readonly run: (query: string) => void;
}

/** The query as a form, or as text. */
export function QueryBar({ query, run }: Props) {
  const simple = parseSimple(query);
  const form = simple && <Form simple={simple} change={(next) => run(toLogql(next))} />;
  return <FormOrText language="logql" name="LogQL" query={query} run={run} form={form} />;
}

function Form({ simple, change }: { readonly simple: Simple; readonly change: (next: Simple) => void }) {
  const range = useRange();
  const services = useQuery('services', (signal) => labelValues('service_name', range, signal));
  const valueOf = (list: readonly Filter[], name: string) =>
    list.find((one) => one.name === name)?.value ?? '';
  const service = simple.matchers.find(({ name, op }) => name === 'service_name' && op === '=')?.value ?? '';
  const chosen = new Set(valueOf(simple.matchers, 'level').split('|').filter(Boolean));
  const [words, setWords] = useState(simple.texts[0]?.text ?? '');
  useEffect(() => setWords(simple.texts[0]?.text ?? ''), [simple.texts[0]?.text]);
  const others = (name: string) => simple.matchers.filter((one) => one.name !== name);
  const setLevel = (level: string) => {
    const next = new Set(chosen);
    if (!next.delete(level)) next.add(level);
    const matcher: Filter[] =
      next.size === 0 ? [] : [{ name: 'level', op: '=~', value: [...next].join('|') }];
    change({ ...simple, matchers: [...others('level'), ...matcher] });
  };
  const search = (event: Event) => {
    event.preventDefault();
    const [, ...rest] = simple.texts;
    change({ ...simple, texts: words === '' ? rest : [{ op: '|=', text: words }, ...rest] });
  };
  return (
    <form class="row grow" onSubmit={search}>
      <label>
        <span class="visually-hidden">Service</span>
        <select
          value={service}
          onChange={({ currentTarget: { value } }) =>
            change({
              ...simple,
              matchers: [
                ...(value ? [{ name: 'service_name', op: '=', value } as const] : []),
                ...others('service_name'),
              ],
            })
          }
        >
          <option value="">every service</option>
          {[...new Set([...(services.data ?? []), ...(service ? [service] : [])])].map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <div class="row" role="group" aria-label="Levels">
        {levels
          .filter((level) => level !== 'unknown')
          .map((level) => (
            <button
              key={level}
              type="button"
              aria-pressed={chosen.has(level)}
              onClick={() => setLevel(level)}
            >
              <span class={`dot level-${level}`} /> {level}
            </button>
          ))}
      </div>
      <input
        class="grow"
        type="search"
        data-search
        placeholder="Lines that contain… (/)"
        aria-label="Lines that contain"
        value={words}
        onInput={(event) => setWords(event.currentTarget.value)}
      />
      <button type="submit" class="primary">
        Search
      </button>
      {simple.filters.map((filter) => (
        <button
          key={`${filter.name}${filter.op}${filter.value}`}
          type="button"
          class="chip"
          title="Take this condition away"
          onClick={() => change({ ...simple, filters: simple.filters.filter((one) => one !== filter) })}
        >
          {filter.name} {filter.op} {filter.value.slice(0, 60)} ✕
        </button>
      ))}
    </form>
  );
}
