import { getText } from '../../api/client';

/** Samples of Prometheus' text by name and labels as written. */
export type Scrape = ReadonlyMap<string, readonly (readonly [labels: string, value: number])[]>;

export async function scrape(
  signal: AbortSignal,
): Promise<{ readonly atMs: number; readonly samples: Scrape }> {
  const text = await getText('/metrics', {}, signal);
  const samples = new Map<string, (readonly [string, number])[]>();
  for (const line of text.split('\n')) {
    const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const group = samples.get(name) ?? [];
    samples.set(name, group);
    group.push([labels, Number(value)]);
  }
  return { atMs: Date.now(), samples };
}

export function total(samples: Scrape, name: string, ...having: readonly string[]): number {
  const found = (samples.get(name) ?? []).filter(([labels]) => having.every((text) => labels.includes(text)));
  return found.length === 0 ? NaN : found.reduce((sum, [, value]) => sum + value, 0);
}
