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

it('keeps what it learned while the file was read, and does not take what can not be read for a file without', async () => {
  const builder = new GranuleBuilder();
  builder.add(Buffer.from('something\n'));
  const index = encodeIndex({ columns: [], granules: [{ rows: 1, ...builder.finish() }] });
  const answers: (() => Promise<Buffer>)[] = [];
  const storage = { url: '/', getRange: () => answers.shift()?.() } as unknown as Storage;
  const telemetry = createTelemetry('silent');
  const indexes = new TokenIndexes(storage, telemetry);
  const search = searchOf([[{ text: 'nowhere' }]]);
  assert.ok(search);
  const ask = async (path: string) => {
    const { rows, without } = await indexes.rows([{ path, footerAt: index.length }], search);
    return { rows: rows.get(path) ?? null, without };
  };
  answers.push(() => Promise.reject(new Error('not now')));
  assert.deepEqual(await ask('/a'), { rows: null, without: [] });
  answers.push(async () => Buffer.alloc(index.length));
  assert.deepEqual(await ask('/a'), { rows: null, without: ['/a'] });
  indexes.learn('/a', index);
  assert.deepEqual(await ask('/a'), { rows: [], without: [] });
  answers.push(async () => {
    indexes.learn('/b', index);
    return Buffer.alloc(index.length);
  });
  await ask('/b');
  assert.ok(indexes.lacks('/b', search));
  const memory = await telemetry.registry.getSingleMetric('canardstack_token_index_memory_bytes')?.get();
  assert.equal(memory?.values[0]?.value, 2 * (index.length + 200));
});
