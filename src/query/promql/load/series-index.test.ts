import assert from 'node:assert/strict';
import { it } from 'node:test';
import { layoutOf } from '../../../lake/metadata/layout.js';
import type { ReadSession, ResultChunk } from '../../../lake/session.js';
import { Yielder } from '../../series/yielder.js';
import { indexOf, SeriesIndex } from './series-index.js';

const table = 'metric_gauge';
const second = 1_000_000;

/** Answers as the tables of the metadata cache do, of which each file has a series of its own. */
function sessionOf(files: () => readonly number[]): ReadSession {
  const chunk = (rows: readonly (readonly unknown[])[]): ResultChunk => ({
    rowCount: rows.length,
    columns: (rows[0] ?? []).map((_, c) => rows.map((row) => row[c])),
  });
  async function* stream(sql: string): AsyncIterable<ResultChunk> {
    await Promise.resolve();
    if (sql.includes('metadata_seen')) {
      yield chunk(files().map((file) => [file, file, file * second, file * second, 1]));
      return;
    }
    const names = (/SELECT id, (.*) FROM/.exec(sql)?.[1] ?? '').split(', ');
    const cells = (file: number) => names.map((name) => (name === 'prometheus_name' ? `m${file}` : null));
    const after = Number(/id > (\d+)/.exec(sql)?.[1]);
    yield chunk(
      files()
        .filter((file) => file > after)
        .map((file) => [file, ...cells(file)]),
    );
  }
  return { rows: () => Promise.resolve([]), stream };
}

it('keeps what a running question was given when there is no place for more', async () => {
  const files = [1, 2];
  const session = sessionOf(() => files);
  const yielder = new Yielder(new AbortController().signal);
  const index = new SeriesIndex(table, true, 2);
  const given = await index.update(session, yielder, 'epoch', { files: [1, 2] });
  assert.ok(given !== null && given !== 'full');
  files.push(3);
  assert.equal(await index.update(session, yielder, 'epoch', { files: [3] }), 'full');
  assert.deepEqual([...(given.get(1)?.metrics.keys() ?? [])], ['m1']);
  assert.deepEqual(
    [1, 2].map((set) => index.streamOf(set)?.stream.name),
    ['m1', 'm2'],
  );
});

it('is another one in place of a full one, which stays what it is', () => {
  const one = indexOf('epoch', table, true);
  assert.equal(indexOf('epoch', table, true), one);
  const other = indexOf('epoch', table, true, one);
  assert.notEqual(other, one);
  assert.equal(indexOf('epoch', table, true, one), other);
});

it('knows no recent rows of which a label set is unknown', async () => {
  const yielder = new Yielder(new AbortController().signal);
  const numbers = new SharedArrayBuffer(4 * 8);
  new Float64Array(numbers).set([-1, 5 * second, 9 * second, 2]);
  const recent = { file: -1, sets: 1, spans: [{ id: 1, name: 'm', numbers }] };
  const view = { files: [-1], recent };
  const cells = layoutOf(table).columns.map(({ name }) => (name === 'prometheus_name' ? 'm' : null));
  const plain = sessionOf(() => []);
  const asked = (sets: readonly (readonly [number, readonly unknown[]])[]) =>
    new SeriesIndex(table, true).update(
      { ...plain, recentSets: () => Promise.resolve({ given: 1, sets }) },
      yielder,
      'epoch',
      view,
    );
  assert.equal(await asked([]), null);
  const known = await asked([[-1, cells]]);
  assert.ok(known !== null && known !== 'full');
  const metric = known.get(-1)?.metrics.get('m');
  assert.deepEqual([metric?.begin, metric?.end, metric?.records], [5 * second, 9 * second, 2]);
});
