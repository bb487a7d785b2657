import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Storage } from '../../storage/index.js';
import { createTelemetry } from '../../telemetry/index.js';
import { encodeIndex } from './file.js';
import { GranuleBuilder } from './granule.js';
import { searchOf } from './needle.js';
import { TokenIndexes } from './read.js';

it('does not read all indexes again for each question where they do not fit', async () => {
  const builder = new GranuleBuilder();
  builder.add(Buffer.from('something\n'));
  const index = encodeIndex({ columns: [], granules: [{ rows: 1, ...builder.finish() }] });
  const reads: string[] = [];
  const storage = {
    url: '/',
    getRange: async (key: string) => {
      reads.push(key);
      return index;
    },
  } as unknown as Storage;
  const indexes = new TokenIndexes(storage, createTelemetry('silent'), (index.length + 200) * 2);
  const file = (name: string) => ({ path: `/${name}`, footerAt: index.length });
  const search = searchOf([[{ text: 'nowhere' }]]);
  assert.ok(search);
  const ask = async (...names: string[]) => {
    reads.length = 0;
    const { skipped } = await indexes.rows(names.map(file), search);
    assert.equal(skipped, names.length);
    return [...reads];
  };
  assert.deepEqual(await ask('a', 'b', 'c'), ['a', 'b', 'c']);
  for (let i = 0; i < 40; i++) assert.deepEqual(await ask('a', 'b', 'c'), ['c']);
  for (let i = 0; i < 40; i++) await ask('c', 'd');
  assert.deepEqual(await ask('c', 'd'), [], 'others take the place of what is used no more');
});
