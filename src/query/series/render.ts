import { setImmediate } from 'node:timers/promises';
import type { QueryResult, ResultSeries } from '../promql/exec/engine.js';
import { floatText } from './labels.js';

const chunkLength = 64 * 1024;

/** The JSON body of a query's answer, in pieces, so that a large one neither blocks nor has to be held as a whole. */
export async function* renderResult(
  result: QueryResult,
  warnings: readonly string[],
): AsyncGenerator<string> {
  yield `{"status":"success","data":{"resultType":"${result.type}","result":`;
  if (result.type === 'scalar') yield pair(result.time, floatText(result.value));
  else if (result.type === 'string') yield pair(result.time, result.text);
  else yield* renderSeries(result.series, result.type === 'vector');
  yield '}';
  if (warnings.length > 0) yield `,"warnings":${JSON.stringify(warnings)}`;
  yield '}';
}

async function* renderSeries(all: readonly ResultSeries[], single: boolean): AsyncGenerator<string> {
  let text = '[';
  let first = true;
  for (const series of all) {
    text += `${first ? '' : ','}{"metric":${JSON.stringify(series.labels.toRecord())},`;
    first = false;
    if (single) text += `"value":${pair(series.times[0] ?? 0, floatText(series.values[0] ?? NaN))}}`;
    else {
      text += '"values":[';
      for (let i = 0; i < series.times.length; i++) {
        if (i > 0) text += ',';
        text += pair(series.times[i] ?? 0, floatText(series.values[i] ?? NaN));
        if (text.length < chunkLength) continue;
        yield text;
        text = '';
        await setImmediate();
      }
      text += ']}';
    }
    if (text.length < chunkLength) continue;
    yield text;
    text = '';
    await setImmediate();
  }
  yield `${text}]`;
}

/** `[seconds, "value"]`; times have milliseconds. */
function pair(ms: number, text: string): string {
  return `[${ms / 1000},${JSON.stringify(text)}]`;
}
