import { invalid } from '../params.js';
import type { QueryRequest } from '../endpoint.js';

const forms = new Map<string, 'json' | 'text' | undefined>([
  ['1', 'json'],
  ['true', 'json'],
  ['json', 'json'],
  ['text', 'text'],
  ['', undefined],
  ['0', undefined],
  ['false', undefined],
]);

/** Whether and how a request wants to be explained: the parameter `explain`, or the header of that name. Throws QueryError. */
export function explainOf(
  { url, body }: Pick<QueryRequest, 'url' | 'body'>,
  header: string | readonly string[] | undefined,
): 'json' | 'text' | undefined {
  if (header === undefined && !url.includes('explain=') && !body.includes('explain=')) return undefined;
  const at = url.indexOf('?');
  const given =
    new URLSearchParams(at < 0 ? '' : url.slice(at + 1)).get('explain') ??
    new URLSearchParams(body).get('explain');
  const wanted = given ?? [header ?? ''].flat().join();
  if (!forms.has(wanted)) {
    const name = given === null ? 'X-Canardstack-Explain' : 'explain';
    throw invalid(name, `it must be 1, 0 or text: ${JSON.stringify(wanted.slice(0, 100))}`);
  }
  return forms.get(wanted);
}
