import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import { temporaryFolder } from '../../../../../test/support/server.js';
import { listLiteral, literal, openDatabase } from '../../../../duckdb/index.js';
import { putBeforeFooter } from '../../../files/before-footer.js';
import { readStruct, readStructs, structsField, writeStruct } from './compact-protocol.js';
import { joinedChunksSql, joinProblem } from './chunks.js';
import { joinFiles, NotJoined } from './index.js';

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));
const rowsEach = 5000;

/** Texts of few and of many values, lists, numbers, and columns without values. */
const columns = `i, (hash(i + ${seed}) >> 12)::BIGINT AS number, 'few' || (hash(i) % 7) AS few, md5((i + ${seed})::VARCHAR) AS id,
  CASE WHEN i % 3 = 0 THEN [i, i + 1] END AS list, CASE WHEN i % 5 > 0 THEN i / 7 END::DOUBLE AS real,
  make_timestamp(1700000000000000 + i) AS stamp, i % 2 = 0 AS truth, NULL::VARCHAR AS none`;

describe(`joined files, TEST_SEED=${seed}`, () => {
  let folder: string;
  let connection: DuckDBConnection;
  let close: () => void;
  let inputs: string[];

  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJson();
  const path = (name: string) => join(folder, `${name}.parquet`);
  const write = async (name: string, select: string, note = name) => {
    await connection.run(
      `COPY (${select}) TO ${literal(path(name))}
       (FORMAT parquet, ROW_GROUP_SIZE 2048, COMPRESSION zstd, PARQUET_VERSION v2, KV_METADATA {a: ${literal(note)}, b: 'same'})`,
    );
    return path(name);
  };
  const range = (from: number, more = columns) =>
    `SELECT ${more} FROM range(${from}, ${from + rowsEach}) t(i)`;
  const footerOf = (bytes: Buffer) => {
    const at = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
    return { at, footer: bytes.subarray(at, -8) };
  };
  const withFooter = (bytes: Buffer, footer: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(footer.length);
    return Buffer.concat([bytes.subarray(0, footerOf(bytes).at), footer, length, bytes.subarray(-4)]);
  };

  before(async () => {
    folder = await temporaryFolder();
    const database = await openDatabase({ threads: '1' });
    ({ connection } = await database.connect());
    close = () => {
      connection.closeSync();
      database.instance.closeSync();
    };
    inputs = [];
    for (const n of [0, 1, 2]) inputs.push(await write(`input${n}`, range(n * rowsEach)));
  });

  after(async () => {
    close();
    await rm(folder, { recursive: true, force: true });
  });

  it('have the rows of all, one file after the other, and tell the same of them', async () => {
    // What lies there is no part of Parquet.
    await putBeforeFooter(inputs[1] ?? '', Buffer.from('something of ours'));
    const output = path('output');
    const count = await joinFiles(inputs, output, (all) => ({
      a: all.map((notes) => notes.get('a')).join(' '),
      long: 'x'.repeat(300),
    }));
    assert.equal(count, 3 * rowsEach);
    const all = `read_parquet(${listLiteral(inputs)})`;
    assert.deepEqual(await rows(`FROM ${literal(output)}`), await rows(`FROM ${all}`));
    for (const where of [
      `id = md5(${seed + 7000}::VARCHAR)`,
      `few = 'few3'`,
      `i BETWEEN 4999 AND 10001`,
      `number = 0`,
    ]) {
      const [one, other] = [`FROM ${literal(output)} WHERE ${where}`, `FROM ${all} WHERE ${where}`];
      assert.deepEqual(await rows(one), await rows(other), where);
    }
    const told = (file: string) =>
      rows(
        `SELECT * EXCLUDE (file_name, row_group_id, file_offset, data_page_offset, dictionary_page_offset, bloom_filter_offset)
         FROM parquet_metadata(${file})`,
      );
    assert.deepEqual(await told(literal(output)), await told(listLiteral(inputs)));
    assert.deepEqual(
      await rows(`SELECT decode(key), decode(value) FROM parquet_kv_metadata(${literal(output)})`),
      [
        ['a', 'input0 input1 input2'],
        ['long', 'x'.repeat(300)],
      ],
    );
    assert.ok(!(await readFile(output)).includes('something of ours'));
  });

  it('are checked chunk by chunk', async () => {
    const output = path('checked');
    const problem = async (expected: readonly string[], file: string) =>
      joinProblem((await connection.runAndReadAll(joinedChunksSql(expected, file))).getRows());
    await joinFiles(inputs, output, () => ({}));
    assert.equal(await problem(inputs, output), null);
    const [one = '', other = '', last = ''] = inputs;
    for (const others of [
      [other, one, last],
      [one, other],
      [...inputs, one],
      [one, one, last],
    ]) {
      assert.notEqual(await problem(others, output), null, others.join(' '));
    }
    // The same sums, of which one group has the places of another.
    const bytes = await readFile(output);
    const { footer } = footerOf(bytes);
    const fields = new Map(readStruct(footer));
    const groups = readStructs(fields.get(4) ?? assert.fail());
    const swapped = [...groups.slice(0, -2), ...groups.slice(-2).reverse()];
    await writeFile(path('swapped'), withFooter(bytes, writeStruct(fields.set(4, structsField(swapped)))));
    assert.notEqual(await problem(inputs, path('swapped')), null);
  });

  it('of one file are that file, byte for byte, what is not known in them included', async () => {
    const [input = ''] = inputs;
    const output = path('same');
    await joinFiles([input], output, ([notes]) => Object.fromEntries(notes ?? []));
    assert.ok((await readFile(output)).equals(await readFile(input)));
    const bytes = await readFile(input);
    // In the statistics of each column.
    const footer = changed(footerOf(bytes).footer, 'statistics');
    await writeFile(path('odd'), withFooter(bytes, footer));
    await joinFiles([path('odd')], output, ([notes]) => Object.fromEntries(notes ?? []));
    assert.ok((await readFile(output)).equals(await readFile(path('odd'))));
  });

  it('are not made of files with fields that may be places, or of files that differ', async () => {
    const [input = ''] = inputs;
    const bytes = await readFile(input);
    await writeFile(path('odd'), withFooter(bytes, changed(footerOf(bytes).footer, 'column')));
    const others = [
      path('odd'),
      await write('more', range(0, `${columns}, 1 AS more`)),
      await write('order', range(0, columns.replace('i,', '').replace('NULL', 'i, NULL'))),
      await write('type', range(0, columns.replace('i,', 'i::INTEGER AS i,'))),
    ];
    for (const other of others) {
      const output = path('none');
      await assert.rejects(
        joinFiles([input, other], output, () => ({})),
        NotJoined,
        other,
      );
      assert.ok(!existsSync(output));
    }
  });

  it('are not made of what is no whole Parquet file', async () => {
    const [input = ''] = inputs;
    const bytes = await readFile(input);
    const { at } = footerOf(bytes);
    let made = 0;
    for (let n = 0; n < 150; n++) {
      const random = (below: number, salt: number) =>
        Math.abs((seed * 31 + n * 7919 + salt * 104_729) % below);
      const damaged = Buffer.from(bytes);
      const place = at + random(bytes.length - at, 1);
      damaged[place] = (damaged[place] ?? 0) ^ (1 << random(8, 2));
      const cut = n % 4 === 0 ? damaged.subarray(0, 1 + random(bytes.length - 1, 3)) : damaged;
      await writeFile(path('damaged'), cut);
      const output = path(`made${n}`);
      try {
        await joinFiles([input, path('damaged')], output, () => ({}));
        made++;
        await rm(output);
      } catch (error) {
        assert.ok(error instanceof NotJoined, `${n}: ${String(error)}`);
        assert.ok(!existsSync(output));
      }
    }
    // What is changed within a text or a statistic is seen by the file's checksum alone.
    assert.ok(made < 110, `${made}`);
  });
});

/** A footer whose first row group's columns have a field that nobody knows. */
function changed(footer: Buffer, where: 'statistics' | 'column'): Buffer {
  const fields = new Map(readStruct(footer));
  const odd = [99, { type: 5, value: Buffer.from([2]) }] as const;
  const groups = readStructs(fields.get(4) ?? assert.fail()).map((bytes) => {
    const group = new Map(readStruct(bytes));
    const chunks = readStructs(group.get(1) ?? assert.fail()).map((chunk) => {
      const column = new Map(readStruct(chunk));
      const metadata = new Map(readStruct(column.get(3)?.value ?? assert.fail()));
      const statistics = metadata.get(12);
      if (where === 'column') metadata.set(...odd);
      else if (statistics) {
        metadata.set(12, { type: 12, value: writeStruct([...readStruct(statistics.value), odd]) });
      }
      return writeStruct(column.set(3, { type: 12, value: writeStruct(metadata) }));
    });
    return writeStruct(group.set(1, structsField(chunks)));
  });
  return writeStruct(fields.set(4, structsField(groups)));
}
