import type { z } from 'zod';
import { variableQuery, type Datasource, type GrafanaVariable } from './grafana-model.js';
import type { languages, Variable } from './model.js';

type Language = (typeof languages)[number];
type LanguageOf = (given: Datasource) => Language | { readonly plugin: string } | null;
type Note = (of: string, kept: boolean, reason: string) => void;

const allValue = '$__all';

/** The variables that ours can be; what a dashboard chooses its data source with needs no variable here. */
export function variablesFrom(
  all: readonly GrafanaVariable[],
  languageOf: LanguageOf,
  note: Note,
): Variable[] {
  return all.flatMap((variable) => {
    const { name = '', type = '' } = variable;
    if (type === 'datasource') return [];
    if (!/^[A-Za-z_]\w{0,63}$/.test(name)) {
      note(name, false, 'a variable with this name');
      return [];
    }
    const found = converted(variable, name, languageOf);
    if (typeof found !== 'string') return [found];
    note(`$${name}`, false, found);
    return [];
  });
}

/** The variable, or why there is none. */
function converted(variable: GrafanaVariable, name: string, languageOf: LanguageOf): Variable | string {
  const { type = '', label } = variable;
  const common = {
    name,
    ...(label ? { label: label.slice(0, 200) } : {}),
    value: (variable.current?.value ?? []).filter((one) => one !== '').slice(0, 200),
  };
  const several = { multi: variable.multi === true, all: variable.includeAll === true };
  const listed = () =>
    typeof variable.query === 'string' && variable.query !== ''
      ? variable.query.split(/(?<!\\),/).map((one) => one.replaceAll('\\,', ',').trim())
      : variable.options.flatMap(({ value }) => value ?? []);
  switch (type) {
    case 'query':
      return ofQuery(variable, common, several, languageOf);
    case 'custom':
      return {
        type,
        ...common,
        options: listed()
          .filter((one) => one !== allValue)
          // Some are written as `name : value`.
          .map((one) => /^.+ : (.+)$/.exec(one)?.[1] ?? one)
          .slice(0, 200),
        ...several,
      };
    case 'interval': {
      const options = listed().filter((one) => /^(\d+(ms|[smhdwy]))+$/.test(one));
      const value = common.value.map((one) => (one.startsWith('$__auto') ? 'auto' : one));
      const auto = variable.auto === true || value.includes('auto') ? ['auto'] : [];
      return {
        type,
        ...common,
        value,
        options: [...auto, ...(options.length > 0 ? options : ['1m', '5m'])].slice(0, 50),
      };
    }
    case 'constant':
    case 'textbox':
      return {
        type: 'text',
        ...common,
        value:
          common.value.length > 0 ? common.value : typeof variable.query === 'string' ? [variable.query] : [],
      };
    default:
      return `a variable of the type ${type || 'none'}`;
  }
}

function ofQuery(
  variable: GrafanaVariable,
  common: { name: string; label?: string; value: string[] },
  several: { multi: boolean; all: boolean },
  languageOf: LanguageOf,
): Variable | string {
  const language = languageOf(variable.datasource) ?? 'promql';
  if (typeof language === 'object') return `a query of the data source ${language.plugin}`;
  if (language === 'sql') return 'a query in SQL';
  const asked = question(variable);
  if (asked === null) return `the query ${textOf(variable)}: only label_values() and metrics() are kept`;
  const regex = variable.regex?.replace(/^\/(.*)\/[a-z]*$/s, '$1');
  return {
    type: 'query',
    ...common,
    ...several,
    language,
    ...asked,
    ...(regex ? { regex: regex.slice(0, 500) } : {}),
  };
}

/** Which label, of what. */
function question(variable: GrafanaVariable): { of: string; match?: string } | null {
  const { label, stream } = objectOf(variable);
  // Loki's and Tempo's forms.
  if (label) return { of: label, ...(stream ? { match: stream } : {}) };
  const text = textOf(variable);
  const values = /^label_values\((?:(.+),)?\s*([A-Za-z_][\w.]*|\$\{?\w+\}?)\s*\)$/s.exec(text);
  if (values) return { of: values[2] ?? '', ...(values[1] ? { match: values[1].trim() } : {}) };
  const metrics = /^metrics\((.+)\)$/s.exec(text);
  if (metrics) return { of: '__name__', match: `{__name__=~${JSON.stringify(`.*(${metrics[1] ?? ''}).*`)}}` };
  return null;
}

function objectOf({ query }: GrafanaVariable): z.infer<typeof variableQuery> {
  const form = variableQuery.safeParse(query);
  return form.success ? form.data : {};
}

function textOf(variable: GrafanaVariable): string {
  const { query, definition = '' } = variable;
  return (typeof query === 'string' ? query : (objectOf(variable).query ?? definition)).trim();
}
