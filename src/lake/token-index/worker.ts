/** Entry point of the thread that makes an index of the lines of a file. */
import { parentPort } from 'node:worker_threads';
import { freeBuffers } from '../../schema/index.js';
import { encodeIndex, type IndexedGranule } from './file.js';
import { GranuleBuilder } from './granule.js';
import type { BuildRequest } from './protocol.js';

const columns = new Set<string>();
const builder = new GranuleBuilder();
let granules: IndexedGranule[] = [];

parentPort?.on('message', (request: BuildRequest) => {
  if (request.type === 'texts') {
    if (request.column === null) builder.add(request.bytes);
    else {
      columns.add(request.column);
      builder.addTexts(request.bytes);
    }
    freeBuffers([request.bytes.buffer]);
  } else if (request.type === 'values') {
    columns.add(request.column);
    builder.addValues(request.column, request.bytes);
    freeBuffers([request.bytes.buffer]);
  } else if (request.type === 'granule') granules.push({ rows: request.rows, ...builder.finish() });
  else {
    const index = request.type === 'end' ? encodeIndex({ columns: [...columns], granules }) : null;
    builder.finish();
    granules = [];
    columns.clear();
    return parentPort?.postMessage(index);
  }
  parentPort?.postMessage(null);
});
