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
];

export function pageOf(path: string): Page | undefined {
  const [first = ''] = path.split('/');
  return pages.find((page) => page.path === first);
}
