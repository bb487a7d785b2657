import type { Dashboard, languages, Panel, units, Variable } from './model.js';

type Language = (typeof languages)[number];
type Query = Panel['queries'][number];

interface Source {
  readonly type: string;
  readonly uid: string;
}

const plugins = {
  promql: { name: 'DS_PROMETHEUS', type: 'prometheus', label: 'Prometheus' },
  logql: { name: 'DS_LOKI', type: 'loki', label: 'Loki' },
  traceql: { name: 'DS_TEMPO', type: 'tempo', label: 'Tempo' },
} as const;

const mixed: Source = { type: 'datasource', uid: '-- Mixed --' };

const panelTypes: Readonly<Record<Panel['kind'], string>> = {
  lines: 'timeseries',
  stacked: 'timeseries',
  heatmap: 'heatmap',
  stat: 'stat',
  table: 'table',
  logs: 'logs',
  row: 'row',
};

const unitNames: Readonly<Record<(typeof units)[number], string>> = {
  none: 'none',
  seconds: 's',
  milliseconds: 'ms',
  bytes: 'bytes',
  percent: 'percent',
  ratio: 'percentunit',
  perSecond: 'ops',
  bytesPerSecond: 'binBps',
};

/**
 * A dashboard as Grafana imports it (classic model), which asks for the data sources that its queries need. Grafana has no
 * source for SQL: a panel of SQL alone becomes a text that holds it.
 */
export function toGrafana(dashboard: Dashboard): object {
  const { title, description, range, refresh, variables, panels } = dashboard;
  const used = new Set<Language>([
    ...panels.flatMap(({ queries }) => queries.map(({ language }) => language)),
    ...variables.flatMap((one) => (one.type === 'query' ? [one.language] : [])),
  ]);
  return {
    __inputs: Object.entries(plugins)
      .filter(([language]) => used.has(language as Language))
      .map(([, { name, type, label }]) => ({
        ...{ name, label, description: '', type: 'datasource', pluginId: type, pluginName: label },
      })),
    id: null,
    title,
    ...(description === undefined ? {} : { description }),
    schemaVersion: 39,
    tags: [],
    editable: true,
    graphTooltip: 1,
    timezone: 'browser',
    time: range ?? { from: 'now-1h', to: 'now' },
    ...(refresh === undefined ? {} : { refresh }),
    annotations: { list: [] },
    links: [],
    templating: { list: variables.map(variableOf) },
    panels: placed(panels).map(([panel, place], i) => panelOf(panel, i + 1, place)),
  };
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

const columns = 24;

/** From left to right, the next row below the highest panel of the one before. */
function placed(panels: readonly Panel[]): (readonly [Panel, Place])[] {
  let [x, y, highest] = [0, 0, 0];
  return panels.map((panel) => {
    const isRow = panel.kind === 'row';
    const w = isRow ? columns : panel.width * 2;
    // Grafana's rows are 30 pixels with 8 between them, ours 40.
    const h = isRow ? 1 : Math.round(panel.height / 0.85);
    if (x + w > columns) [x, y, highest] = [0, y + highest, 0];
    const place = { x, y, w, h };
    [x, highest] = [x + w, Math.max(highest, h)];
    return [panel, place] as const;
  });
}

function sourceOf(language: Language): Source | null {
  return language === 'sql' ? null : { type: plugins[language].type, uid: `\${${plugins[language].name}}` };
}

function panelOf(panel: Panel, id: number, gridPos: Place): object {
  const { title, kind, unit, queries } = panel;
  const common = { id, title, gridPos };
  if (kind === 'row') return { ...common, type: 'row', collapsed: false, panels: [] };
  const asked = queries.flatMap((query) => {
    const source = sourceOf(query.language);
    return source === null ? [] : [{ query, source }];
  });
  if (asked.length === 0 && queries.length > 0) return sqlAsText(common, queries);
  const types = new Set(asked.map(({ source }) => source.uid));
  const lost = queries.length - asked.length;
  return {
    ...common,
    type: panelTypes[kind],
    ...(lost > 0 ? { description: `${lost} of its queries are SQL, which Grafana has no source for.` } : {}),
    datasource: types.size > 1 ? mixed : (asked[0]?.source ?? null),
    targets: asked.map(({ query, source }, i) => ({
      refId: refIdOf(i),
      datasource: source,
      ...targetOf(query, kind),
    })),
    fieldConfig: {
      defaults: {
        unit: unitNames[unit],
        custom: kind === 'stacked' ? { fillOpacity: 60, stacking: { mode: 'normal', group: 'A' } } : {},
      },
      overrides: [],
    },
    options: {},
  };
}

/** A to Z, then AA and on. */
function refIdOf(i: number): string {
  const letter = String.fromCharCode(65 + (i % 26));
  return i < 26 ? letter : refIdOf(Math.floor(i / 26) - 1) + letter;
}

function targetOf({ language, text, legend }: Query, kind: Panel['kind']): object {
  const legendFormat = legend === undefined ? {} : { legendFormat: legend };
  if (language === 'traceql') return { queryType: 'traceql', query: text, tableType: 'traces', limit: 20 };
  if (language === 'logql') return { expr: text, queryType: 'range', ...legendFormat };
  if (kind === 'table') return { expr: text, instant: true, format: 'table', ...legendFormat };
  return { expr: text, range: true, ...(kind === 'heatmap' ? { format: 'heatmap' } : {}), ...legendFormat };
}

/** As a block of code of Markdown, that nothing in it can end. */
function sqlAsText(common: object, queries: readonly Query[]): object {
  const code = queries.map(({ text }) => text.replaceAll(/^/gm, '    ')).join('\n\n');
  const content = `Grafana has no data source for this panel's SQL:\n\n${code}\n`;
  return { ...common, type: 'text', options: { mode: 'markdown', content }, targets: [] };
}

function variableOf(variable: Variable): object {
  const { name, label, value } = variable;
  const common = { name, ...(label === undefined ? {} : { label }), hide: 0 };
  const [first] = value;
  switch (variable.type) {
    case 'query': {
      const { language, of, match, regex, multi, all } = variable;
      const query = variableQuery(language, of, match);
      return {
        ...common,
        ...{ type: 'query', datasource: sourceOf(language), query, refresh: 2, sort: 1 },
        definition: typeof query === 'string' ? query : `label_values(${of})`,
        regex: regex === undefined ? '' : `/${regex}/`,
        ...{ multi, includeAll: all, current: chosen(value, multi) },
      };
    }
    case 'custom':
      return {
        ...{ ...common, type: 'custom', multi: variable.multi, includeAll: variable.all },
        query: variable.options.map((one) => one.replaceAll(',', '\\,')).join(','),
        current: chosen(value, variable.multi),
      };
    case 'interval': {
      const auto = variable.options.includes('auto');
      return {
        ...{ ...common, type: 'interval', auto, auto_count: 30, auto_min: '10s' },
        query: variable.options.filter((one) => one !== 'auto').join(','),
        current: chosen(first === 'auto' ? [`$__auto_interval_${name}`] : value, false),
      };
    }
    case 'text':
      return { ...common, type: 'textbox', query: first ?? '', current: chosen(value, false) };
  }
}

function variableQuery(language: Language, of: string, match: string | undefined): string | object {
  if (language === 'promql') return `label_values(${match ? `${match}, ` : ''}${of})`;
  const form = { refId: 'Values', type: 1, label: of };
  return language === 'logql' ? { ...form, stream: match ?? '' } : form;
}

/** Nothing chosen: Grafana takes the first, or all where that is there. */
function chosen(value: readonly string[], several: boolean): object {
  if (value.length === 0) return {};
  return several ? { text: value, value } : { text: value[0], value: value[0] };
}
