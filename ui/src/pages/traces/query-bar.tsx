import { useState } from 'preact/hooks';
import { tagValues } from '../../api/tempo';
import { useQuery } from '../../api/use-query';
import { useRange } from '../../app/range';
import { FormOrText } from '../../editor/form-or-text';
import { parseAttribute, parseSimple, toTraceql, type Simple } from './builder';

interface Props {
  readonly query: string;
  readonly run: (query: string) => void;
}

/** The query as a form, or as text. */
export function QueryBar({ query, run }: Props) {
  const simple = parseSimple(query);
  const form = simple && <Form simple={simple} change={(next) => run(toTraceql(next))} />;
  return <FormOrText language="traceql" name="TraceQL" query={query} run={run} form={form} />;
}

const durations = ['', '10ms', '100ms', '500ms', '1s', '2s', '5s', '10s'];

function Form({ simple, change }: { readonly simple: Simple; readonly change: (next: Simple) => void }) {
  const range = useRange();
  const services = useQuery('services', (signal) => tagValues('resource.service.name', '', range, signal));
  const names = useQuery(`names ${simple.service}`, (signal) =>
    tagValues(
      'name',
      simple.service ? `{ resource.service.name = ${JSON.stringify(simple.service)} }` : '',
      range,
      signal,
    ),
  );
  const [attribute, setAttribute] = useState('');
  const [problem, setProblem] = useState('');
  const add = (event: Event) => {
    event.preventDefault();
    const parsed = parseAttribute(attribute);
    setProblem(attribute !== '' && !parsed ? 'Write name=value, as in http.route=/cart' : '');
    if (!parsed) return;
    setAttribute('');
    change({ ...simple, attributes: [...simple.attributes, parsed] });
  };
  const choices = (found: readonly string[] | undefined, chosen: string) => [
    ...new Set([...(chosen ? [chosen] : []), ...(found ?? [])]),
  ];
  return (
    <form class="row grow" onSubmit={add}>
      <select
        aria-label="Service"
        value={simple.service}
        onChange={(event) => change({ ...simple, service: event.currentTarget.value, name: '' })}
      >
        <option value="">every service</option>
        {choices(services.data, simple.service).map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <select
        aria-label="Span name"
        class="span-choice"
        value={simple.name}
        onChange={(event) => change({ ...simple, name: event.currentTarget.value })}
      >
        <option value="">every span</option>
        {choices(names.data, simple.name).map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <button
        type="button"
        aria-pressed={simple.failed}
        onClick={() => change({ ...simple, failed: !simple.failed })}
      >
        <span class="dot level-error" /> failed
      </button>
      <select
        aria-label="Duration"
        value={simple.longerThan}
        onChange={(event) => change({ ...simple, longerThan: event.currentTarget.value })}
      >
        {choices(durations, simple.longerThan)
          .concat(simple.longerThan ? [''] : [])
          .filter((value, i, all) => all.indexOf(value) === i)
          .map((value) => (
            <option key={value} value={value}>
              {value === '' ? 'any duration' : `longer than ${value}`}
            </option>
          ))}
      </select>
      <input
        class="grow"
        data-search
        placeholder="Attribute: http.route=/cart (/)"
        aria-label="Attribute"
        value={attribute}
        onInput={(event) => setAttribute(event.currentTarget.value)}
      />
      <button type="submit" class="primary">
        Search
      </button>
      {problem !== '' && <span class="bad-text">{problem}</span>}
      {simple.attributes.map((one) => (
        <button
          key={one.name + one.value}
          type="button"
          class="chip"
          title="Take this condition away"
          onClick={() =>
            change({ ...simple, attributes: simple.attributes.filter((other) => other !== one) })
          }
        >
          {one.name} = {one.value.slice(0, 60)} ✕
        </button>
      ))}
    </form>
  );
}
