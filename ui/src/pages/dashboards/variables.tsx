import { useMemo } from 'preact/hooks';
import type { Variable } from '../../api/dashboards';
import { labelValues } from '../../api/loki';
import { promLabelValues } from '../../api/prometheus';
import { tagValues } from '../../api/tempo';
import { useQuery } from '../../api/use-query';
import { setParams, useLocation } from '../../app/location';
import { Popover } from '../../app/popover';
import { useRange, type Range } from '../../app/range';
import { stepSeconds } from '../../app/time';
import { interpolated, variablesIn, type Chosen, type Values } from './interpolate';

const everything = '$__all';
const shownOptions = 300;
const parameter = (name: string) => `var-${name}`;

/** Several values in one parameter of the address. */
function valuesOf(text: string | null): string[] | null {
  if (text === null) return null;
  if (!text.startsWith('[')) return [text];
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed.map(String) : [text];
  } catch {
    return [text];
  }
}

const asText = (values: readonly string[]) =>
  values.length === 1 && !values[0]?.startsWith('[') ? (values[0] ?? '') : JSON.stringify(values);

/** What is chosen in the address, else in the dashboard. */
function pickedOf(variable: Variable, params: URLSearchParams): readonly string[] {
  return valuesOf(params.get(parameter(variable.name))) ?? variable.value;
}

async function optionsOf(
  variable: Variable,
  values: Values,
  range: Range,
  signal: AbortSignal,
): Promise<string[]> {
  const { language = 'promql', of = '', match = '', regex } = variable;
  const selector = interpolated(match, language, values, range);
  const name = interpolated(of, language, values, range);
  const all =
    language === 'promql'
      ? await promLabelValues(name, selector, range, signal)
      : language === 'logql'
        ? await labelValues(name, range, signal, selector)
        : await tagValues(name, selector, range, signal);
  return regex ? filtered(all, regex) : all;
}

/** As Grafana has it: those that match; of them the first group where there is one. */
function filtered(all: readonly string[], regex: string): string[] {
  let pattern: RegExp;
  try {
    pattern = new RegExp(regex);
  } catch {
    return [...all];
  }
  const found = all.flatMap((value) => {
    const match = pattern.exec(value);
    return match ? [match[1] ?? match[0]] : [];
  });
  return [...new Set(found)];
}

interface VariableState {
  readonly variable: Variable;
  readonly options: readonly string[];
  readonly picked: readonly string[];
}

/** The chosen values of all variables, and what else there is to choose; null until the first are known. */
export function useVariables(variables: readonly Variable[]): {
  readonly states: readonly VariableState[];
  readonly values: Values | null;
  readonly problem: string;
} {
  const range = useRange();
  const { params } = useLocation();
  const asked = variables.filter(({ type }) => type === 'query');
  const step = stepSeconds(range.endMs - range.startMs, 200);
  const picks = new Map(variables.map((one) => [one.name, pickedOf(one, params)]));
  // What one variable's options depend on: the choice of those that it names.
  const key =
    asked.length === 0
      ? null
      : JSON.stringify([
          asked,
          [...picks].filter(([name]) =>
            asked.some(({ match = '', of = '' }) => variablesIn(match + of).includes(name)),
          ),
          Math.floor(range.startMs / 60_000),
          Math.floor(range.endMs / 60_000),
        ]);
  const found = useQuery(key, async (signal) => {
    const options = new Map<string, string[]>();
    const values = new Map<string, Chosen>();
    // One after the other: a later one may depend on what is chosen of those before.
    for (const variable of variables) {
      const own = variable.type === 'query' ? await optionsOf(variable, values, range, signal) : [];
      options.set(variable.name, own);
      values.set(variable.name, chosen(variable, picks.get(variable.name) ?? [], own, step));
    }
    return options;
  });
  const states = variables.map((variable): VariableState => {
    const options =
      variable.type === 'query' ? (found.data?.get(variable.name) ?? []) : (variable.options ?? []);
    return { variable, options, picked: picks.get(variable.name) ?? [] };
  });
  const ready = asked.length === 0 || found.data !== undefined || found.error !== undefined;
  const signature = JSON.stringify([states, step, ready]);
  const values = useMemo(
    () =>
      ready
        ? new Map(
            states.map(({ variable, options, picked }) => [
              variable.name,
              chosen(variable, picked, options, step),
            ]),
          )
        : null,
    [signature],
  );
  return { states, values, problem: found.error?.message ?? '' };
}

function chosen(
  { type, multi = false, all = false }: Variable,
  picked: readonly string[],
  options: readonly string[],
  step: number,
): Chosen {
  if (type === 'interval') {
    const value = picked[0] ?? options[0] ?? '1m';
    return { values: [value === 'auto' ? `${step}s` : value], several: false, all: false };
  }
  if (type === 'text') return { values: [picked[0] ?? ''], several: false, all: false };
  if (all && (picked.includes(everything) || picked.length === 0))
    return { values: options, several: true, all: true };
  const values = picked.length > 0 ? picked : options.slice(0, 1);
  return { values: values.length > 0 ? values : [''], several: multi || all, all: false };
}

/** A choice for each variable. */
export function VariableBar({ states }: { readonly states: readonly VariableState[] }) {
  if (states.length === 0) return null;
  return (
    <div class="row variables" role="group" aria-label="Variables">
      {states.map((state) => (
        <Choice key={state.variable.name} {...state} />
      ))}
    </div>
  );
}

function Choice({ variable, options, picked }: VariableState) {
  const { name, label, type, multi, all } = variable;
  const title = label ?? name;
  const pick = (values: readonly string[]) => setParams({ [parameter(name)]: asText(values) });
  if (type === 'text') {
    return (
      <label>
        {title} <input value={picked[0] ?? ''} onChange={(event) => pick([event.currentTarget.value])} />
      </label>
    );
  }
  const isAll = all === true && (picked.length === 0 || picked.includes(everything));
  if (multi) {
    const current = isAll ? [] : picked;
    const toggle = (value: string) => {
      const next = current.includes(value) ? current.filter((one) => one !== value) : [...current, value];
      pick(next.length === 0 ? (all ? [everything] : options.slice(0, 1)) : next);
    };
    const says = isAll
      ? 'all'
      : current.length > 2
        ? `${current.length} chosen`
        : current.join(', ') || (options[0] ?? 'none');
    return (
      <Popover title={title} label={`${title}: ${says} ▾`}>
        {() => (
          <ul class="plain-list options">
            {all && (
              <li>
                <label class="check">
                  <input type="checkbox" checked={isAll} onChange={() => pick([everything])} /> all
                </label>
              </li>
            )}
            {options.slice(0, shownOptions).map((value) => (
              <li key={value}>
                <label class="check">
                  <input type="checkbox" checked={current.includes(value)} onChange={() => toggle(value)} />{' '}
                  {value}
                </label>
              </li>
            ))}
            {options.length > shownOptions && <li class="faint">and {options.length - shownOptions} more</li>}
            {options.length === 0 && <li class="faint">There are no values in this time range.</li>}
          </ul>
        )}
      </Popover>
    );
  }
  const value = isAll ? everything : (picked[0] ?? options[0] ?? '');
  const listed = new Set([
    ...options.slice(0, 1000),
    ...(value === everything || value === '' ? [] : [value]),
  ]);
  return (
    <label>
      {title}{' '}
      <select value={value} onChange={(event) => pick([event.currentTarget.value])}>
        {all && <option value={everything}>all</option>}
        {[...listed].map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
}
