/** Samples of one scrape: metric name to its series. Histograms are under `_bucket`, `_sum` and `_count`. */
export type Scrape = ReadonlyMap<string, readonly ScrapeSample[]>;

export interface ScrapeSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const line = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

function unescape(value: string): string {
  return value.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}

function number(text: string): number {
  if (text === '+Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return Number(text);
}

/** Reads Prometheus's text exposition format 0.0.4; lines that are none are skipped. */
export function parsePrometheusText(text: string): Scrape {
  const out = new Map<string, ScrapeSample[]>();
  for (const row of text.split('\n')) {
    if (row === '' || row.startsWith('#')) continue;
    const [, name, labelText = '', value] = line.exec(row) ?? [];
    if (name === undefined || value === undefined) continue;
    const labels: Record<string, string> = {};
    for (const [, key, escaped] of labelText.matchAll(label)) {
      if (key !== undefined) labels[key] = unescape(escaped ?? '');
    }
    const samples = out.get(name) ?? [];
    samples.push({ labels, value: number(value) });
    out.set(name, samples);
  }
  return out;
}
