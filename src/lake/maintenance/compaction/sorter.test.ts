import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../../../../test/support/server.js';
import { listLiteral, literal, openDatabase } from '../../../duckdb/index.js';
import { carriedRows } from './carried.js';
import { memoryLimits, Sorter } from './sorter.js';

const MiB = 1024 * 1024;
const columns = [{ name: 'text', type: 'VARCHAR' }] as const;
const layout = { orderBy: () => ['text'], rowGroupRows: 20_480, dictionaryLimit: 1, level: 1 };

describe('memory of a sort', () => {
  it('is more for rows that it does not suffice for, and then no more than before', async () => {
    const folder = await temporaryFolder();
    const database = await openDatabase({ threads: '1' });
    const { connection } = await database.connect();
    const input = join(folder, 'input.parquet');
    const rows = `SELECT repeat('x', 500) || hash(i) AS text FROM range(100000) r(i)`;
    await connection.run(`COPY (${rows}) TO ${literal(input)} (FORMAT parquet)`);
    const open = (memoryLimitBytes: number, mostMemoryBytes: number) =>
      Sorter.open({ memoryLimitBytes, mostMemoryBytes, temporary: join(folder, 'sort') });
    const short = await open(8 * MiB, 9 * MiB);
    const spared = await open(8 * MiB, 256 * MiB);
    try {
      await assert.rejects(
        short.sort([input], join(folder, 'short.parquet'), columns, layout),
        /Out of Memory/,
      );
      const output = join(folder, 'output.parquet');
      for (let i = 0; i < 2; i++) assert.equal(await spared.sort([input], output, columns, layout), 100_000);
      const same = `SELECT count(*) FROM (FROM ${literal(input)} EXCEPT ALL FROM ${literal(output)})`;
      assert.deepEqual((await connection.runAndReadAll(same)).getRows(), [[0n]]);
    } finally {
      for (const sorter of [short, spared]) sorter.close();
      connection.closeSync();
      database.instance.closeSync();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('is little for small rows, then the usual, then all there is', () => {
    const limits = { memoryLimitBytes: 400 * MiB, mostMemoryBytes: 1000 * MiB };
    assert.deepEqual(memoryLimits(limits, MiB), [160 * MiB, 400 * MiB, 1000 * MiB]);
    assert.deepEqual(memoryLimits(limits, 500 * MiB), [200 * MiB, 400 * MiB, 1000 * MiB]);
    assert.deepEqual(memoryLimits(limits, 5000 * MiB), [400 * MiB, 1000 * MiB]);
    assert.deepEqual(memoryLimits({ ...limits, memoryLimitBytes: 8 * MiB }, MiB), [8 * MiB, 1000 * MiB]);
    assert.deepEqual(memoryLimits({ ...limits, mostMemoryBytes: 400 * MiB }, MiB), [160 * MiB, 400 * MiB]);
  });
});

describe('bytes of rows to be sorted', () => {
  it('are those of whole texts where dictionaries have too many to be numbered', async () => {
    const folder = await temporaryFolder();
    const database = await openDatabase({ threads: '1' });
    const { connection } = await database.connect();
    const run = async (sql: string) => (await connection.runAndReadAll(sql)).getRows();
    try {
      for (const [rows, values, most] of [
        // So few texts are sorted by their numbers.
        [80_000, 1000, 30],
        [80_000, 40_000, 200],
        // So many are not counted.
        [240_000, 40_000, 500],
      ] as const) {
        const input = join(folder, `${rows}-${values}.parquet`);
        const texts = `SELECT repeat('x', 100) || (hash(i) % ${values}) AS text FROM range(${rows}) r(i)`;
        await run(
          `COPY (${texts}) TO ${literal(input)} (FORMAT parquet, ROW_GROUP_SIZE 20480, DICTIONARY_SIZE_LIMIT 20480)`,
        );
        const source = `read_parquet(${listLiteral([input])})`;
        const [[dictionaries] = []] = await run(
          `SELECT count(dictionary_page_offset) = count(*) FROM parquet_metadata(${literal(input)})`,
        );
        assert.equal(dictionaries, true);
        const given = { source, inputs: [input], present: new Set(['text']) };
        const { bytes } = await carriedRows(run, given, columns);
        const least = values > 30_000 ? 100 : 0;
        assert.ok(bytes > least * rows && bytes < most * rows, `${bytes / rows} of ${rows}, ${values}`);
      }
    } finally {
      connection.closeSync();
      database.instance.closeSync();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));

describe(`columns of sorted rows, TEST_SEED=${seed}`, () => {
  it('come back as they were, with and without values, few or many, in all inputs or not', async () => {
    const folder = await temporaryFolder();
    const database = await openDatabase({ threads: '1' });
    const { connection } = await database.connect();
    const types = [
      ['key', 'VARCHAR', `'k' || (i % 5)`],
      ['stamp', 'TIMESTAMP', 'make_timestamp(1700000000000000 + r % 1000)'],
      ['none', 'VARCHAR', 'NULL'],
      ['no_number', 'BIGINT', 'NULL'],
      ['one_number', 'BIGINT', '-9223372036854775807'],
      ['one_or_none', 'BIGINT', 'CASE WHEN i % 7 > 0 THEN 3 END'],
      ['one_text', 'VARCHAR', `'it''s ' || chr(0) || 'one'`],
      [
        'few',
        'VARCHAR',
        `CASE WHEN i % 11 > 0 THEN ['', 'Z', 'a', 'ä', chr(0), 'a' || chr(0)][1 + r % 6] END`,
      ],
      ['many', 'VARCHAR', 'hash(r)::VARCHAR'],
      ['number', 'DOUBLE', 'CASE WHEN i % 3 > 0 THEN r / 7 END'],
      ['list', 'DOUBLE[]', 'CASE WHEN i % 4 = 1 THEN [r, NULL] WHEN i % 4 = 2 THEN [] END'],
      ['no_list', 'BIGINT[]', 'NULL'],
      ['truth', 'BOOLEAN', 'r % 2 = 0'],
      ['later', 'VARCHAR', `'v' || (r % 3)`],
      ['later_number', 'BIGINT', '8'],
    ] as const;
    const columns = [
      ...types.map(([name, type]) => ({ name, type })),
      { name: 'new', type: 'VARCHAR' as const },
    ];
    const select = (some: readonly (typeof types)[number][], from: number) =>
      `SELECT ${some.map(([name, type, value]) => `(${value})::${type} AS ${name}`).join(', ')}
       FROM (SELECT i, (hash(i + ${seed}) >> 12)::BIGINT AS r FROM range(${from}, ${from + 4000}) t(i))`;
    const inputs = ['before', 'after'].map((name) => join(folder, `${name}.parquet`));
    const write = (sql: string, path: string) =>
      connection.run(
        `COPY (${sql}) TO ${literal(path)} (FORMAT parquet, ROW_GROUP_SIZE 2048, DICTIONARY_SIZE_LIMIT 1000)`,
      );
    const early = types.filter(([name]) => !name.startsWith('later'));
    await write(select(early, 0), inputs[0] ?? '');
    await write(select(types, 4000), inputs[1] ?? '');
    const sorter = await Sorter.open({
      memoryLimitBytes: 256 * MiB,
      mostMemoryBytes: 256 * MiB,
      temporary: join(folder, 'sort'),
    });
    try {
      const output = join(folder, 'output.parquet');
      const orderBy = ['key', 'few', 'new', 'later', 'hash(few)', 'stamp', 'many'];
      const all = { orderBy: () => orderBy, rowGroupRows: 2048, dictionaryLimit: 1000, level: 1 };
      assert.equal(await sorter.sort(inputs, output, columns, all), 8000);
      const run = async (sql: string) => (await connection.runAndReadAll(sql)).getRows();
      const read = `read_parquet(${listLiteral(inputs)}, union_by_name => true)`;
      const present = new Set<string>(types.map(([name]) => name));
      const { columns: found } = await carriedRows(run, { source: read, inputs, present }, columns);
      const those = (test: (column: (typeof found)[number]) => boolean) =>
        columns.flatMap(({ name }, i) => (found[i] && test(found[i]) ? [name] : []));
      assert.deepEqual(
        those(({ carried }) => carried === null),
        ['none', 'no_number', 'one_number'],
      );
      assert.deepEqual(
        those(({ key }) => key.startsWith('enum_code')),
        ['key', 'one_text', 'few', 'later'],
      );
      const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJson();
      const source = `(SELECT *, NULL::VARCHAR AS new FROM ${read})`;
      const described = await rows(`SELECT column_name, column_type FROM (DESCRIBE FROM ${literal(output)})`);
      assert.deepEqual(
        described,
        columns.map(({ name, type }) => [name, type]),
      );
      const names = columns.map(({ name }) => name).join(', ');
      const sorted = orderBy.filter((key) => key !== 'hash(few)').join(', ');
      assert.deepEqual(
        await rows(`SELECT ${names} FROM ${literal(output)}`),
        await rows(`SELECT ${names} FROM ${source} ORDER BY ${sorted}`),
      );
    } finally {
      sorter.close();
      connection.closeSync();
      database.instance.closeSync();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
