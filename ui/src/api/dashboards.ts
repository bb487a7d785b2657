import { getJson, sendJson } from './client';

type PanelKind = 'lines' | 'stacked' | 'heatmap' | 'stat' | 'table' | 'logs' | 'row';
export type QueryLanguage = 'promql' | 'logql' | 'traceql' | 'sql';
export type PanelUnit =
  'none' | 'seconds' | 'milliseconds' | 'bytes' | 'percent' | 'ratio' | 'perSecond' | 'bytesPerSecond';

export interface PanelQuery {
  readonly language: QueryLanguage;
  readonly text: string;
  readonly legend?: string;
}

export interface Panel {
  readonly title: string;
  readonly kind: PanelKind;
  readonly width: number;
  readonly height: number;
  readonly unit: PanelUnit;
  readonly queries: readonly PanelQuery[];
}

export interface Variable {
  readonly type: 'query' | 'custom' | 'interval' | 'text';
  readonly name: string;
  readonly label?: string;
  readonly language?: 'promql' | 'logql' | 'traceql';
  readonly of?: string;
  readonly match?: string;
  readonly regex?: string;
  readonly options?: readonly string[];
  readonly multi?: boolean;
  readonly all?: boolean;
  readonly value: readonly string[];
}

export interface Dashboard {
  readonly title: string;
  readonly description?: string;
  readonly range?: { readonly from: string; readonly to: string };
  readonly refresh?: string;
  readonly variables: readonly Variable[];
  readonly panels: readonly Panel[];
}

export interface DashboardEntry {
  readonly id: string;
  readonly title: string;
  readonly revision: number;
  readonly updatedAt: string;
}

export interface Kept extends DashboardEntry {
  readonly dashboard: Dashboard;
}

export interface ImportNote {
  /** Empty for the dashboard itself. */
  readonly of: string;
  readonly kept: boolean;
  readonly reason: string;
}

const root = '/api/dashboards';

export async function listDashboards(signal: AbortSignal): Promise<readonly DashboardEntry[]> {
  return (await getJson<{ dashboards: DashboardEntry[] }>(root, {}, signal)).dashboards;
}

export const readDashboard = (id: string, signal: AbortSignal) =>
  getJson<Kept>(`${root}/${encodeURIComponent(id)}`, {}, signal);

/** As Grafana imports it. */
export const readForGrafana = (id: string, signal?: AbortSignal) =>
  getJson<object>(`${root}/${encodeURIComponent(id)}/grafana`, {}, signal);

export const makeDashboard = (dashboard: Dashboard) => sendJson<DashboardEntry>('POST', root, { dashboard });

export const changeDashboard = (id: string, dashboard: Dashboard, revision: number) =>
  sendJson<DashboardEntry>('PUT', `${root}/${encodeURIComponent(id)}`, { dashboard, revision });

export const deleteDashboard = (id: string, revision: number) =>
  sendJson<null>('DELETE', `${root}/${encodeURIComponent(id)}?revision=${revision}`);

/** A file's JSON as a dashboard, with what of it did not come along. */
export const convertDashboard = (file: unknown) =>
  sendJson<{ readonly dashboard: Dashboard; readonly notes: readonly ImportNote[] }>(
    'POST',
    `${root}/convert`,
    file,
  );
