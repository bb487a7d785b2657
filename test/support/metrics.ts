import { parsePrometheusText } from '../../src/cli/prometheus-text.js';

/** The sum of a metric over its labels, or those with the given values, as a server has it now; 0 when it has none. */
export async function metricSum(
  server: { readonly url: string },
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const wanted = Object.entries(labels);
  const samples = (parsePrometheusText(text).get(name) ?? []).filter((sample) =>
    wanted.every(([key, value]) => new Map(Object.entries(sample.labels)).get(key) === value),
  );
  return samples.reduce((sum, { value }) => sum + value, 0);
}
