import { metricName, type Labels } from '../../series/labels.js';
import { floatText } from '../../text/numbers.js';
import type { Endpoint } from '../../server/endpoint.js';
import { Params } from '../../server/params.js';
import { inPieces } from '../../server/reply.js';
import { latestSamples, type LatestSample } from '../exec/latest.js';
import { matchSelectors } from './answers.js';

/**
 * The latest sample of each selected series in Prometheus' text format, as `/federate` gives it: types are untyped,
 * every series has an `instance`. Native histograms have no place in the format.
 */
export const federation: Endpoint = (request) => {
  const params = new Params(request, 'seconds');
  const selectors = matchSelectors(params);
  return async (ctx) => {
    const found = await latestSamples(ctx, selectors, Date.now());
    return {
      contentType: `${textFormat}; escaping=${escaping(request.accept)}`,
      body: inPieces(lines(found)),
    };
  };
};

const textFormat = 'text/plain; version=0.0.4; charset=utf-8';

/** How names would be escaped that are not of the old alphabet, as the client has it; here all of them are. */
function escaping(accept: string): string {
  const wanted = /;\s*escaping\s*=\s*"?(allow-utf-8|underscores|dots|values)\b/i.exec(accept)?.[1];
  return wanted?.toLowerCase() ?? 'underscores';
}

function* lines(samples: readonly LatestSample[]): Generator<string> {
  let last = '';
  for (const { labels, value, ms } of samples) {
    const name = labels.get(metricName);
    if (name !== last) yield `# TYPE ${name} untyped\n`;
    last = name;
    yield `${name}${labelText(labels)} ${floatText(value)} ${ms}\n`;
  }
}

function labelText(labels: Labels): string {
  const own = [...labels.withoutName().entries()];
  if (labels.get('instance') === '') own.push(['instance', '']);
  const escaped = (value: string) =>
    value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return `{${own.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`;
}
