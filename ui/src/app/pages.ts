import type { ComponentType } from 'preact';

export interface Page {
  /** Path below /ui/. */
  readonly path: string;
  readonly title: string;
  /** Pressed after `g`. */
  readonly key: string;
  /** Needs the admin key, where one is set. */
  readonly admin?: boolean;
  /** Whether it shows the time range's controls. */
  readonly timed: boolean;
  readonly load: () => Promise<{ readonly default: ComponentType }>;
}

/** In the order of the menu. */
export const pages: readonly Page[] = [
  { path: '', title: 'Overview', key: 'o', timed: true, load: () => import('../pages/overview') },
  { path: 'logs', title: 'Logs', key: 'l', timed: true, load: () => import('../pages/logs') },
  { path: 'traces', title: 'Traces', key: 't', timed: true, load: () => import('../pages/traces') },
  { path: 'metrics', title: 'Metrics', key: 'm', timed: true, load: () => import('../pages/metrics') },
  {
    path: 'dashboards',
    title: 'Dashboards',
    key: 'd',
    timed: true,
    load: () => import('../pages/dashboards'),
  },
  { path: 'sql', title: 'SQL', key: 's', admin: true, timed: false, load: () => import('../pages/sql') },
  {
    path: 'system',
    title: 'System',
    key: 'y',
    admin: true,
    timed: false,
    load: () => import('../pages/system'),
  },
];

/** Reached from others. */
const further: readonly Page[] = [
  { path: 'trace', title: 'Trace', key: '', timed: false, load: () => import('../pages/trace') },
  { path: 'compare', title: 'Compare', key: '', timed: false, load: () => import('../pages/compare') },
];

export function pageOf(path: string): Page | undefined {
  const [first = ''] = path.split('/');
  return [...pages, ...further].find((page) => page.path === first);
}
