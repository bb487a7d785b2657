import { metricName } from '../../series/labels.js';
import { floatText } from '../../text/numbers.js';
import type { Endpoint } from '../../server/endpoint.js';
import { Params } from '../../server/params.js';
import { inPieces } from '../../server/reply.js';
import { latestSamples, type LatestSample } from '../exec/latest.js';
import { parseAnySelector } from '../plan/prepare.js';
import { matchSelectors } from './answers.js';

/**
 * The latest sample of each selected series in Prometheus' text format, as `/federate` gives it: types are untyped,
 * every series has an `instance`. Native histograms have no place in the format.
 */
export const federation: Endpoint = (request) => {
  const params = new Params(request, 'seconds');
  const selectors = matchSelectors(params, '', parseAnySelector);
  return async (ctx) => {
    const found = await latestSamples(ctx, selectors, Date.now());
    const escaping = escapingOf(request.accept);
    return { contentType: `${textFormat}; escaping=${escaping}`, body: inPieces(lines(found, escaping)) };
  };
};

const textFormat = 'text/plain; version=0.0.4; charset=utf-8';

type Escaping = 'allow-utf-8' | 'underscores' | 'dots' | 'values';

/** How names are escaped that are not of the old alphabet, as the client has it. */
function escapingOf(accept: string): Escaping {
  const wanted = /;\s*escaping\s*=\s*"?(allow-utf-8|underscores|dots|values)\b/i.exec(accept)?.[1];
  return (wanted?.toLowerCase() ?? 'underscores') as Escaping;
}

/** prometheus.io/docs/instrumenting/escaping_schemes */
function escapedName(name: string, escaping: Escaping): string {
  const plain = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
  if (escaping === 'allow-utf-8') return plain ? name : JSON.stringify(name);
  if (plain && escaping !== 'dots') return name;
  const characters = [...name].map((one, i) => {
    const valid = /[a-zA-Z:]/.test(one) || (i > 0 && /[0-9]/.test(one));
    if (valid || (one === '_' && escaping === 'underscores')) return one;
    if (escaping === 'underscores') return '_';
    if (one === '_') return '__';
    if (escaping === 'dots') return one === '.' ? '_dot_' : '__';
    return `_${one.codePointAt(0)?.toString(16)}_`;
  });
  return `${escaping === 'values' ? 'U__' : ''}${characters.join('')}`;
}

function* lines(samples: readonly LatestSample[], escaping: Escaping): Generator<string> {
  let last: string | null = null;
  for (const { labels, value, ms } of samples) {
    const given = labels.get(metricName);
    const name = escapedName(given, escaping);
    if (given !== last) yield `# TYPE ${name} untyped\n`;
    last = given;
    const own = [...labels.entries()].filter(([label]) => label !== metricName);
    if (labels.get('instance') === '') own.push(['instance', '']);
    const pairs = own.map(([label, text]) => `${escapedName(label, escaping)}="${escaped(text)}"`);
    // A name in quotes stands with the labels.
    const series = name.startsWith('"') ? `{${[name, ...pairs].join(',')}}` : `${name}{${pairs.join(',')}}`;
    yield `${series} ${floatText(value)} ${ms}\n`;
  }
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
