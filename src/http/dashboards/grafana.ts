import { z } from 'zod';
import { HttpError } from '../errors.js';
import {
  grafanaDashboard,
  type Datasource,
  type GrafanaDashboard,
  type GrafanaPanel,
  type Target,
} from './grafana-model.js';
import { variablesFrom } from './grafana-variables.js';
import type { languages, Panel, units, Variable } from './model.js';

/** Something of Grafana's that did not come along, or not as it was. */
export interface Note {
  /** The panel or variable; empty for the dashboard itself. */
  readonly of: string;
  readonly kept: boolean;
  readonly reason: string;
}

interface Converted {
  readonly dashboard: {
    readonly title: string;
    readonly description?: string;
    readonly range?: { readonly from: string; readonly to: string };
    readonly refresh?: string;
    readonly variables: readonly Variable[];
    readonly panels: readonly Panel[];
  };
  readonly notes: readonly Note[];
}

type Language = (typeof languages)[number];
type AddNote = (of: string, kept: boolean, reason: string) => void;

const envelope = z.looseObject({
  dashboard: z.unknown().optional(),
  spec: z.unknown().optional(),
  apiVersion: z.string().optional(),
});

/** The dashboard itself: alone, as its API wraps it, or as a resource. */
function unwrapped(body: unknown): unknown {
  const parsed = envelope.safeParse(body);
  if (!parsed.success) return body;
  const { dashboard, spec, apiVersion } = parsed.data;
  if (apiVersion?.startsWith('dashboard.grafana.app/')) return spec;
  return dashboard ?? body;
}

/** Whether a body has what only Grafana's dashboards have. */
export function looksLikeGrafana(body: unknown): boolean {
  const inner = unwrapped(body);
  if (typeof inner !== 'object' || inner === null) return false;
  return ['schemaVersion', 'templating', 'rows', 'elements', '__inputs', 'annotations'].some((name) =>
    Object.hasOwn(inner, name),
  );
}

/** Prometheus, Loki and Tempo panels of a dashboard of Grafana's (classic model), as far as ours have them. */
export function fromGrafana(body: unknown): Converted {
  const inner = unwrapped(body);
  if (typeof inner === 'object' && inner !== null && Object.hasOwn(inner, 'elements'))
    throw new HttpError(400, 'bad_data', "this is a dashboard in Grafana's model V2: export it as Classic");
  const parsed = grafanaDashboard.safeParse(inner);
  if (!parsed.success) throw new HttpError(400, 'bad_data', 'this is no dashboard of Grafana');
  const source = parsed.data;
  const notes: Note[] = [];
  const note: AddNote = (of, kept, reason) => notes.push({ of, kept, reason });
  const sources = new Sources(source);
  const panels = flattened(source).flatMap((panel) => converted(panel, sources, note));
  const variables = variablesFrom(source.templating?.list ?? [], (given) => sources.language(given), note);
  if (source.annotations?.list.some(({ builtIn }) => !builtIn)) note('', false, 'annotations');
  if (source.links.length > 0) note('', false, 'links');
  const { from = 'now-1h', to = 'now' } = source.time ?? {};
  const relative = [from, to].every((one) => /^now(-\d+(ms|[smhdw]))?$/.test(one));
  if (!relative) note('', true, `the time range ${from} to ${to}: only now and now-6h are kept`);
  const refresh = source.refresh && /^\d{1,5}[smh]$/.test(source.refresh) ? source.refresh : undefined;
  return {
    dashboard: {
      title: (source.title ?? '').trim().slice(0, 200) || 'Imported',
      ...(source.description ? { description: source.description.slice(0, 2000) } : {}),
      ...(relative ? { range: { from, to } } : {}),
      ...(refresh === undefined ? {} : { refresh }),
      variables,
      panels,
    },
    notes,
  };
}

/** Panels in reading order, those of rows after their row. */
function flattened({ panels, rows }: GrafanaDashboard): GrafanaPanel[] {
  const inOrder = (all: readonly GrafanaPanel[]) =>
    [...all].sort(
      (a, b) => (a.gridPos?.y ?? 0) - (b.gridPos?.y ?? 0) || (a.gridPos?.x ?? 0) - (b.gridPos?.x ?? 0),
    );
  const row = (title: string | undefined): GrafanaPanel => ({
    ...{ type: 'row', title, targets: [], transformations: [], yaxes: [], datasource: undefined },
    ...{ span: undefined, stack: undefined, repeat: undefined, alert: undefined, format: undefined },
    ...{ gridPos: undefined, fieldConfig: undefined },
  });
  const old = rows.flatMap(({ title, panels: within }) => [...(title ? [row(title)] : []), ...within]);
  return [...inOrder(panels).flatMap((panel) => [panel, ...inOrder(panel.panels ?? [])]), ...old];
}

/** What language a data source speaks, by its type, or by what the dashboard says of its name. */
class Sources {
  readonly #named = new Map<string, string>();

  constructor({ __inputs, templating }: GrafanaDashboard) {
    for (const { name, pluginId } of __inputs) if (name && pluginId) this.#named.set(name, pluginId);
    for (const { name, type, query } of templating?.list ?? []) {
      if (type === 'datasource' && name && typeof query === 'string') this.#named.set(name, query);
    }
  }

  /** A language, the name of another plugin, or null when nothing tells. */
  language(given: Datasource): Language | { readonly plugin: string } | null {
    if (!given) return null;
    const uid = given.uid ?? '';
    const name = /^\$\{?(\w+)/.exec(uid)?.[1];
    const type = given.type ?? (name === undefined ? undefined : this.#named.get(name)) ?? '';
    const known = languageOf(type);
    if (known !== null) return known;
    if (type !== '' && type !== 'datasource' && type !== 'mixed') return { plugin: type };
    return languageOf(uid);
  }
}

function languageOf(type: string): 'promql' | 'logql' | 'traceql' | null {
  if (/prometheus|mimir|thanos|victoriametrics/i.test(type)) return 'promql';
  if (/loki/i.test(type)) return 'logql';
  if (/tempo/i.test(type)) return 'traceql';
  return null;
}

const kinds: ReadonlyMap<string, Panel['kind']> = new Map([
  ['timeseries', 'lines'],
  ['graph', 'lines'],
  ['trend', 'lines'],
  ['stat', 'stat'],
  ['singlestat', 'stat'],
  ['gauge', 'stat'],
  ['bargauge', 'table'],
  ['piechart', 'table'],
  ['grafana-piechart-panel', 'table'],
  ['barchart', 'table'],
  ['table', 'table'],
  ['table-old', 'table'],
  ['heatmap', 'heatmap'],
  ['logs', 'logs'],
  ['row', 'row'],
]);
/** What looks much the same here. */
const alike = new Set(['timeseries', 'graph', 'stat', 'singlestat', 'table', 'heatmap', 'logs', 'row']);

const unitOf: ReadonlyMap<string, (typeof units)[number]> = new Map([
  ['s', 'seconds'],
  ['dtdurations', 'seconds'],
  ['ms', 'milliseconds'],
  ['dtdurationms', 'milliseconds'],
  ['bytes', 'bytes'],
  ['decbytes', 'bytes'],
  ['percent', 'percent'],
  ['percentunit', 'ratio'],
  ['Bps', 'bytesPerSecond'],
  ['binBps', 'bytesPerSecond'],
  ['reqps', 'perSecond'],
  ['ops', 'perSecond'],
  ['cps', 'perSecond'],
  ['rps', 'perSecond'],
  ['wps', 'perSecond'],
  ['iops', 'perSecond'],
]);
const plainUnits = new Set(['none', 'short', '', 'locale', 'string']);

function converted(panel: GrafanaPanel, sources: Sources, note: AddNote): Panel[] {
  const title = (panel.title ?? '').slice(0, 200);
  const name = title || `(a ${panel.type ?? 'panel'} without a title)`;
  const kind = kinds.get(panel.type ?? '');
  if (kind === undefined) {
    note(name, false, `a panel of the type ${panel.type ?? 'none'}`);
    return [];
  }
  if (panel.repeat) note(name, true, `it is not repeated for each value of ${panel.repeat}`);
  const size = {
    width: Math.min(12, Math.max(1, Math.round((panel.gridPos?.w ?? (panel.span ?? 6) * 2) / 2))),
    height: Math.min(40, Math.max(2, Math.round((panel.gridPos?.h ?? 8) * 0.85))),
  };
  if (kind === 'row') return [{ title, kind, width: 12, height: 2, unit: 'none', queries: [] }];
  const queries = panel.targets.flatMap((target) => queryOf(panel, target, sources, note, name)).slice(0, 20);
  if (queries.length === 0) {
    note(name, false, panel.targets.length === 0 ? 'it has no query' : 'none of its queries came along');
    return [];
  }
  if (!alike.has(panel.type ?? '')) note(name, true, `shown as ${kind}, not as ${panel.type}`);
  if (panel.transformations.length > 0) note(name, true, 'without its transformations');
  if ((panel.fieldConfig?.overrides.length ?? 0) > 0)
    note(name, true, 'without its overrides of single fields');
  if (panel.alert) note(name, true, 'without its alert');
  const written = panel.fieldConfig?.defaults?.unit ?? panel.format ?? panel.yaxes[0]?.format ?? '';
  const unit = unitOf.get(written) ?? 'none';
  if (unit === 'none' && !plainUnits.has(written)) note(name, true, `without its unit ${written}`);
  const mode = panel.fieldConfig?.defaults?.custom?.stacking?.mode ?? 'none';
  const stacked = kind === 'lines' && (panel.stack === true || mode !== 'none');
  return [{ title, kind: stacked ? 'stacked' : kind, ...size, unit, queries }];
}

function queryOf(
  panel: GrafanaPanel,
  target: Target,
  sources: Sources,
  note: AddNote,
  name: string,
): Panel['queries'] {
  if (target.hide === true) return [];
  const known =
    sources.language(target.datasource) ?? sources.language(panel.datasource) ?? guessed(panel, target);
  if (known === null) {
    note(name, false, 'a query whose data source nothing tells');
    return [];
  }
  if (typeof known === 'object') {
    note(name, false, `a query of the data source ${known.plugin}`);
    return [];
  }
  const text = known === 'traceql' ? traceqlOf(target) : target.expr;
  if (!text?.trim()) {
    note(name, false, `a query of the type ${target.queryType ?? 'none'} without a text`);
    return [];
  }
  const legend =
    target.legendFormat && target.legendFormat !== '__auto' ? target.legendFormat.slice(0, 500) : '';
  return [{ language: known, text, ...(legend === '' ? {} : { legend }) }];
}

function guessed({ type }: GrafanaPanel, { expr, queryType, query }: Target): Language | null {
  if (queryType?.startsWith('traceql')) return 'traceql';
  if (expr !== undefined)
    return type === 'logs' || /\|[=~>]|\|\s*(json|logfmt)\b/.test(expr) ? 'logql' : 'promql';
  return query?.trim().startsWith('{') ? 'traceql' : null;
}

/** The text, or what the search's form was filled with. */
function traceqlOf({ queryType, query, filters }: Target): string | undefined {
  if (queryType !== 'traceqlSearch') return queryType === 'serviceMap' ? undefined : query;
  const conditions = filters.flatMap(({ scope, tag, operator = '=', value, valueType }) => {
    const values = value === undefined ? [] : Array.isArray(value) ? value : [value];
    if (!tag || values.length === 0) return [];
    const name =
      scope === undefined || scope === 'intrinsic'
        ? tag
        : scope === 'unscoped'
          ? `.${tag}`
          : `${scope}.${tag}`;
    const bare =
      valueType === 'duration' || valueType === 'keyword' || valueType === 'int' || valueType === 'float';
    const written = (one: string) =>
      bare || tag === 'duration' || tag === 'status' || tag === 'kind' ? one : JSON.stringify(one);
    if (values.length === 1) return [`${name} ${operator} ${written(values[0] ?? '')}`];
    return [`(${values.map((one) => `${name} ${operator} ${written(one)}`).join(' || ')})`];
  });
  return `{ ${conditions.join(' && ')} }`;
}
