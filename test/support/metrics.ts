import { parsePrometheusText } from '../../src/cli/prometheus-text.js';

/** The sum of a metric over its labels, as a server has it now; 0 when it has none. */
export async function metricSum(server: { readonly url: string }, name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const samples = parsePrometheusText(text).get(name) ?? [];
  return samples.reduce((sum, { value }) => sum + value, 0);
}
