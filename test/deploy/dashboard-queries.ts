import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from './files.js';

export interface DashboardQuery {
  /** `<file>: <panel or variable>` */
  readonly where: string;
  readonly language: 'promql' | 'logql' | 'traceql';
  readonly query: string;
  readonly instant: boolean;
}

/** A query of a template variable: the values of a label. */
export interface VariableQuery {
  readonly where: string;
  readonly language: 'promql' | 'logql';
  readonly label: string;
  /** The metric that the label is looked up on. */
  readonly metric: string | undefined;
}

interface Source {
  readonly type: string;
  readonly uid: string;
}
interface Panel {
  readonly type: string;
  readonly title: string;
  readonly datasource?: Source;
  readonly targets?: readonly {
    readonly expr?: string;
    readonly query?: string;
    readonly instant?: boolean;
    readonly datasource: Source;
  }[];
}
export interface Dashboard {
  readonly file: string;
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly {
      readonly name: string;
      readonly type: string;
      readonly query: string | { readonly label?: string };
      readonly current?: { readonly value: string };
      readonly datasource?: Source;
    }[];
  };
}

const folder = 'deploy/grafana/dashboards';
const languages = { prometheus: 'promql', loki: 'logql', tempo: 'traceql' } as const;

function languageOf(source: Source) {
  const language = languages[source.type as keyof typeof languages];
  if (!language) throw new Error(`no language for ${source.type}`);
  return language;
}

export function dashboards(): Dashboard[] {
  return readdirSync(folder).map((file) => ({
    ...(JSON.parse(text(join(folder, file))) as Omit<Dashboard, 'file'>),
    file,
  }));
}

/** `values`: what the dashboard's own variables stand for. Grafana's built-in ones are filled in for five minutes. */
export function panelQueries(
  dashboard: Dashboard,
  values: Readonly<Record<string, string>>,
): DashboardQuery[] {
  const known: Record<string, string> = { ...values, __rate_interval: '1m', __auto: '30s' };
  const fill = (query: string) =>
    query.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced?: string, plain?: string) => {
      const value = known[braced ?? plain ?? ''];
      if (value === undefined) throw new Error(`${dashboard.file}: nothing stands for ${whole} in ${query}`);
      return value;
    });
  return dashboard.panels.flatMap((panel) =>
    (panel.targets ?? []).map((target) => ({
      where: `${dashboard.file}: ${panel.title}`,
      language: languageOf(target.datasource),
      query: fill(target.expr ?? target.query ?? ''),
      instant: target.instant === true,
    })),
  );
}

export function variableQueries(dashboard: Dashboard): VariableQuery[] {
  return dashboard.templating.list
    .filter(({ type }) => type === 'query')
    .map(({ name, query, datasource }) => {
      if (!datasource) throw new Error(`${name} has no data source`);
      const where = `${dashboard.file}: $${name}`;
      if (typeof query !== 'string') {
        return { where, language: 'logql' as const, label: query.label ?? '', metric: undefined };
      }
      const match = /^label_values\((?:(\w+), )?(\w+)\)$/.exec(query);
      if (!match) throw new Error(`${where}: ${query} is not understood`);
      return { where, language: 'promql' as const, label: match[2] ?? '', metric: match[1] };
    });
}
