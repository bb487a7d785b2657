import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import type { MetadataKind } from '../../lake/metadata/layout.js';
import type { ListingView, ReadSession, ResultChunk } from '../../lake/session.js';
import { setsOf } from './kept-sets.js';

const window = { from: 0n, until: 10n };
const asked = { columns: ['key'], where: 'TRUE', window };

function viewOf(file: number, entries: number, lastId = 1): ListingView {
  const nothing = { cut: [], unread: [], told: [], rest: null };
  return { epoch: '', whole: [file], lastId, entries, ...nothing };
}

/** Gives every file so many entries of the set 1, whose key is `k`. */
function session(entries: number, signal?: AbortSignal): ReadSession & { readonly statements: string[] } {
  const statements: string[] = [];
  async function* stream(sql: string): AsyncGenerator<ResultChunk> {
    statements.push(sql);
    await Promise.resolve();
    if (sql.includes('metadata_sets_')) {
      yield { rowCount: 1, columns: [[1], [true], ['k']] };
      return;
    }
    const files = (/file IN \(([^)]*)\)/.exec(sql)?.[1] ?? '').split(', ').map(Number);
    for (const file of files) {
      const [ones, times] = [new Float64Array(entries).fill(1), new BigInt64Array(entries).fill(1n)];
      const columns = [new Float64Array(entries).fill(file), ones, times, times, ones, ones];
      yield { rowCount: entries, columns };
    }
  }
  const rows = (sql: string) => (statements.push(sql), Promise.resolve([{ sets: 1_000_000 }]));
  return { rows, stream, signal, statements };
}

const seen = (statements: readonly string[]) => statements.filter((sql) => sql.includes('metadata_seen_'));
const ask = (epoch: string, kind: MetadataKind, on: ReadSession, view: ListingView, where = 'TRUE') =>
  setsOf(epoch, kind).rows(on, view, { ...asked, where });
const found = [{ values: ['k'], records: 0, bytes: 0 }];

describe('sets kept in a query thread', () => {
  it('lets an aborted query go while another reads', async () => {
    let go = () => {};
    const read = new Promise<void>((resolve) => (go = resolve));
    const plain = session(1);
    const slow: ReadSession = {
      ...plain,
      async *stream(sql) {
        await read;
        yield* plain.stream(sql);
      },
    };
    const first = ask('a', 'log_keys', slow, viewOf(1, 1));
    const controller = new AbortController();
    const stopped = session(1, controller.signal);
    const second = ask('a', 'log_keys', stopped, viewOf(2, 1));
    controller.abort();
    assert.equal(await second, null);
    go();
    assert.deepEqual(await first, found);
    assert.deepEqual(await ask('a', 'log_keys', session(1), viewOf(1, 1)), found);
    assert.deepEqual(stopped.statements, []);
  });

  it('reads nothing where files or sets are too many', async () => {
    const files = session(1);
    assert.equal(await ask('b', 'log_keys', files, viewOf(1, 500_001)), null);
    assert.deepEqual(files.statements, []);
    const sets = session(1);
    for (let i = 0; i < 3; i++) {
      assert.equal(await ask('b', 'log_streams', sets, viewOf(1, 1, 400_001)), null);
    }
    const counts = sets.statements.filter((sql) => sql.includes('metadata_sets_'));
    assert.deepEqual([counts.length, counts[0]?.startsWith('SELECT count(*)')], [1, true]);
  });

  it('drops the kind that was not used lately', async () => {
    mock.timers.enable({ apis: ['Date'], now: 1e12 });
    try {
      const on = session(300_000);
      assert.deepEqual(await ask('c', 'log_keys', on, viewOf(1, 300_000)), found);
      assert.equal(await ask('c', 'log_streams', on, viewOf(2, 300_000)), null);
      assert.equal(seen(on.statements).length, 1);
      mock.timers.tick(60_000);
      assert.deepEqual(await ask('c', 'log_streams', on, viewOf(2, 300_000)), found);
      assert.equal(await ask('c', 'log_keys', on, viewOf(1, 300_000)), null);
      assert.equal(seen(on.statements).length, 2);
    } finally {
      mock.timers.reset();
    }
  });

  it('keeps two hundred questions', async () => {
    const on = session(1);
    const wheres = Array.from({ length: 201 }, (_, i) => `${i} = ${i}`);
    const questions = () => on.statements.filter((sql) => sql.includes('metadata_sets_')).length;
    for (const where of wheres) assert.deepEqual(await ask('d', 'span_keys', on, viewOf(1, 1), where), found);
    await ask('d', 'span_keys', on, viewOf(1, 1), wheres.at(-1));
    assert.equal(questions(), 201);
    await ask('d', 'span_keys', on, viewOf(1, 1), wheres[0]);
    assert.equal(questions(), 202);
  });
});
