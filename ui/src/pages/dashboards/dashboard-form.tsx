import { useEffect, useState } from 'preact/hooks';
import { convertDashboard, type Dashboard, type Variable } from '../../api/dashboards';
import { ApiError } from '../../api/client';

interface Props {
  readonly dashboard: Dashboard;
  readonly change: (dashboard: Dashboard) => void;
}

const fresh: Readonly<Record<Variable['type'], Omit<Variable, 'name'>>> = {
  query: { type: 'query', language: 'promql', of: 'service_name', multi: true, all: true, value: [] },
  custom: { type: 'custom', options: [], value: [] },
  interval: { type: 'interval', options: ['auto', '1m', '5m', '1h'], value: [] },
  text: { type: 'text', value: [] },
};

const kinds: readonly (readonly [Variable['type'], string])[] = [
  ['query', 'values of a label'],
  ['custom', 'a list'],
  ['interval', 'an interval'],
  ['text', 'a text'],
];

/** Title, description, variables; and all of it as JSON. */
export function DashboardForm({ dashboard, change }: Props) {
  const set = (part: Partial<Dashboard>) => change({ ...dashboard, ...part });
  const { variables } = dashboard;
  const setVariable = (at: number, next: Variable | null) =>
    set({ variables: variables.flatMap((one, i) => (i !== at ? [one] : next ? [next] : [])) });
  const unused = () => {
    for (let i = 1; ; i++) if (!variables.some(({ name }) => name === `name${i}`)) return `name${i}`;
  };
  return (
    <section class="card panel-form" aria-label="The dashboard">
      <div class="row">
        <label class="grow">
          Title{' '}
          <input
            value={dashboard.title}
            maxLength={200}
            required
            onInput={(event) => set({ title: event.currentTarget.value })}
          />
        </label>
        <label class="grow">
          Description{' '}
          <input
            value={dashboard.description ?? ''}
            maxLength={2000}
            onInput={(event) => set({ description: event.currentTarget.value })}
          />
        </label>
      </div>
      {variables.map((variable, at) => (
        <VariableForm key={at} variable={variable} change={(next) => setVariable(at, next)} />
      ))}
      <div class="row">
        <button
          type="button"
          onClick={() => set({ variables: [...variables, { ...fresh.query, name: unused() }] })}
        >
          Add a variable
        </button>
      </div>
      <AsJson dashboard={dashboard} change={change} />
    </section>
  );
}

interface VariableProps {
  readonly variable: Variable;
  readonly change: (next: Variable | null) => void;
}

function VariableForm({ variable, change }: VariableProps) {
  const set = (part: Partial<Variable>) => change({ ...variable, ...part });
  const text = (label: string, value: string, pick: (text: string) => void) => (
    <label>
      {label} <input value={value} onChange={(event) => pick(event.currentTarget.value)} />
    </label>
  );
  const flag = (label: string, value: boolean, pick: (on: boolean) => void) => (
    <label class="check">
      <input type="checkbox" checked={value} onChange={(event) => pick(event.currentTarget.checked)} />{' '}
      {label}
    </label>
  );
  const { type, name } = variable;
  return (
    <div class="row" role="group" aria-label={`Variable ${name}`}>
      {text('Variable $', name, (next) => set({ name: next.trim() }))}
      <label>
        is{' '}
        <select
          value={type}
          onChange={(event) => change({ name, ...fresh[event.currentTarget.value as Variable['type']] })}
        >
          {kinds.map(([one, says]) => (
            <option key={one} value={one}>
              {says}
            </option>
          ))}
        </select>
      </label>
      {type === 'query' && (
        <>
          <label>
            from{' '}
            <select
              value={variable.language ?? 'promql'}
              onChange={(event) => set({ language: event.currentTarget.value as 'promql' })}
            >
              <option value="promql">metrics</option>
              <option value="logql">logs</option>
              <option value="traceql">traces</option>
            </select>
          </label>
          {text('Label', variable.of ?? '', (of) => set({ of }))}
          {text('of what this selects', variable.match ?? '', (match) => set({ match }))}
        </>
      )}
      {(type === 'custom' || type === 'interval') &&
        text('Values, with commas', (variable.options ?? []).join(', '), (list) =>
          set({
            options: list
              .split(',')
              .map((one) => one.trim())
              .filter(Boolean),
          }),
        )}
      {type === 'text' && text('At first', variable.value[0] ?? '', (value) => set({ value: [value] }))}
      {(type === 'query' || type === 'custom') && (
        <>
          {flag('several', variable.multi === true, (multi) => set({ multi }))}
          {flag('all', variable.all === true, (all) => set({ all }))}
        </>
      )}
      <button
        type="button"
        aria-label={`Remove variable ${name}`}
        title="Remove"
        onClick={() => change(null)}
      >
        ✕
      </button>
    </div>
  );
}

/** What the forms have no place for can be written here. */
function AsJson({ dashboard, change }: Props) {
  const written = JSON.stringify(dashboard, null, 2);
  const [text, setText] = useState(written);
  const [problem, setProblem] = useState('');
  useEffect(() => setText(written), [written]);
  const apply = async () => {
    setProblem('');
    try {
      change((await convertDashboard(JSON.parse(text))).dashboard);
    } catch (error) {
      setProblem(error instanceof ApiError || error instanceof SyntaxError ? error.message : String(error));
    }
  };
  return (
    <details>
      <summary>As JSON</summary>
      <textarea
        aria-label="The dashboard as JSON"
        rows={16}
        spellcheck={false}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {problem !== '' && <p class="bad-text">{problem}</p>}
      <button type="button" disabled={text === written} onClick={() => void apply()}>
        Take this JSON
      </button>
    </details>
  );
}
