import { floatText } from '../../text/numbers.js';
import { matrixForm, renderSeries, samplePair, vectorForm } from '../../series/render.js';
import type { QueryResult } from '../exec/engine.js';

/** The JSON body of a query's answer, in pieces. */
export async function* renderResult(
  result: QueryResult,
  { warnings, infos }: { readonly warnings: readonly string[]; readonly infos: readonly string[] },
  stats?: object,
): AsyncGenerator<string> {
  yield `{"status":"success","data":{"resultType":"${result.type}","result":`;
  if (result.type === 'scalar') yield samplePair(result.time, floatText(result.value));
  else if (result.type === 'string') yield samplePair(result.time, result.text);
  else yield* renderSeries(result.series, result.type === 'vector' ? vectorForm : matrixForm);
  if (stats) yield `,"stats":${JSON.stringify(stats)}`;
  yield '}';
  if (warnings.length > 0) yield `,"warnings":${JSON.stringify(warnings)}`;
  if (infos.length > 0) yield `,"infos":${JSON.stringify(infos)}`;
  yield '}';
}
