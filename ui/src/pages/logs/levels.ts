import type { LogRow } from '../../api/loki';

/** From the worst on; names that Loki gives, and the colour of each. */
export const levels = ['critical', 'error', 'warn', 'info', 'debug', 'unknown'] as const;

export type Level = (typeof levels)[number];

export function levelNamed(name: string | undefined): Level {
  if (name === 'fatal' || name === 'critical') return 'critical';
  if (name === 'trace') return 'debug';
  return levels.find((level) => level === name) ?? 'unknown';
}

export function levelOf(row: LogRow): Level {
  return levelNamed(row.labels.get('level') ?? row.labels.get('detected_level'));
}
