import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { columnBatch } from '../../../test/support/batch.js';
import { openTestLake, rowsOf } from '../../../test/support/open-lake.js';
import { temporaryFolder } from '../../../test/support/server.js';
import { QueryError } from '../query-error.js';
import { readOnlySql, type Lake, type SqlResult } from '../index.js';

describe('read-only SQL', () => {
  let folder: string;
  let lake: Lake;

  const run = (sql: string, options: { params?: string[]; maxRows?: number } = {}): Promise<SqlResult> =>
    lake.readers.withSession(AbortSignal.timeout(30_000), (session) => readOnlySql(session, sql, options));

  before(async () => {
    folder = await temporaryFolder();
    lake = await openTestLake(folder);
    await lake.commit(
      [
        columnBatch({
          logs: [
            {
              timestamp: 1_764_000_000_000_000,
              service_name: 'shop',
              body: 'first',
              time_unix_nano: 2n ** 60n,
            },
            { timestamp: 1_764_000_001_000_000, service_name: 'shop', body: 'second' },
          ],
          metric_histogram: [
            { timestamp: 1_764_000_000_000_000, bucket_counts: [1n, 2n], explicit_bounds: [0.5] },
          ],
        }),
      ],
      [{ stream: 'a', position: 1 }],
    );
  });

  after(async () => {
    await lake.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('gives columns with types, and rows ready for JSON', async () => {
    assert.deepEqual(
      await run(
        `SELECT body, timestamp, time_unix_nano, 1.5::DECIMAL(4, 2) d, {'a': 1::BIGINT} s FROM lake.logs ORDER BY timestamp;`,
      ),
      {
        columns: [
          { name: 'body', type: 'VARCHAR' },
          { name: 'timestamp', type: 'TIMESTAMP' },
          { name: 'time_unix_nano', type: 'BIGINT' },
          { name: 'd', type: 'DECIMAL(4,2)' },
          { name: 's', type: 'STRUCT(a BIGINT)' },
        ],
        rows: [
          ['first', '2025-11-24 16:00:00', '1152921504606846976', '1.50', { a: 1 }],
          ['second', '2025-11-24 16:00:01', null, '1.50', { a: 1 }],
        ],
        truncated: false,
      },
    );
    const lists = await run('SELECT bucket_counts, explicit_bounds FROM metric_histogram -- unqualified');
    assert.deepEqual(lists.rows, [[[1, 2], [0.5]]]);
    assert.doesNotThrow(() => JSON.stringify(lists));
    assert.deepEqual((await run('SELECT $1 AS given', { params: ["it's"] })).rows, [["it's"]]);
  });

  it('allows what only looks', async () => {
    const allowed = [
      'FROM lake.logs',
      'WITH a AS (SELECT count(*) n FROM lake.logs) SELECT n FROM a',
      'SELECT * FROM (VALUES (1), (2)) v(x)',
      'DESCRIBE lake.logs',
      'SHOW TABLES',
      'SHOW ALL TABLES',
      'SUMMARIZE lake.v_logs',
      'EXPLAIN SELECT * FROM lake.logs',
      'EXPLAIN ANALYZE SELECT * FROM lake.logs',
      'SELECT * FROM range(3)',
      'SELECT unnest([1, 2])',
      `SELECT key FROM json_each('{"a": 1}')`,
      `FROM ducklake_snapshots('lake')`,
      `FROM ducklake_table_info('lake')`,
      `SELECT json_extract_string(log_attributes, '$.a') FROM lake.logs`,
      'SELECT * FROM lake.logs AT (TIMESTAMP => now()) LIMIT 0',
      `SELECT 'a;b' -- ; DROP TABLE lake.logs`,
    ];
    for (const sql of allowed) await assert.doesNotReject(run(sql), sql);
  });

  it('refuses everything that writes, has effects, reads files or is more than one statement', async () => {
    const outside = join(folder, 'outside.csv');
    await writeFile(outside, 'secret\n1\n');
    const catalog = join(folder, 'canardstack.ducklake');
    const refused = [
      '',
      ';',
      'DELETE FROM lake.logs',
      `INSERT INTO lake.logs (body) VALUES ('x')`,
      `UPDATE lake.logs SET body = 'x'`,
      'DROP TABLE lake.logs',
      'CREATE TABLE lake.t (a INT)',
      'CREATE TEMP TABLE t (a INT)',
      'TRUNCATE lake.logs',
      `COPY lake.logs TO '${folder}/x.parquet'`,
      `COPY (SELECT 1) TO '${folder}/data/x.csv'`,
      `ATTACH '${folder}/x.db'`,
      'DETACH lake',
      'USE memory',
      'SET threads = 1',
      'RESET threads',
      'PRAGMA database_list',
      'CHECKPOINT lake',
      'INSTALL httpfs',
      'LOAD httpfs',
      `CALL ducklake_expire_snapshots('lake', older_than => now())`,
      `EXPLAIN ANALYZE DELETE FROM lake.logs`,
      'EXPLAIN EXPLAIN DELETE FROM lake.logs',
      'PREPARE p AS SELECT 1',
      'EXECUTE p',
      'BEGIN',
      'COMMIT',
      'SELECT 1; SELECT 2',
      'SELECT 1; DELETE FROM lake.logs',
      `SELECT * FROM ducklake_expire_snapshots('lake', older_than => now())`,
      `SELECT * FROM ducklake_set_option('lake', 'target_file_size', '1MB')`,
      `SELECT * FROM ducklake_cleanup_old_files('lake', cleanup_all => true)`,
      `SELECT * FROM ducklake_merge_adjacent_files('lake')`,
      `SELECT * FROM (SELECT * FROM ducklake_flush_inlined_data('lake'))`,
      `WITH a AS (SELECT * FROM ducklake_rewrite_data_files('lake')) FROM a`,
      `SELECT (SELECT count(*) FROM ducklake_add_data_files('lake', 'logs', 'x'))`,
      `SELECT 1 WHERE EXISTS (FROM ducklake_flush_inlined_data('lake'))`,
      `SELECT 1 UNION ALL SELECT count(*) FROM read_csv('${outside}')`,
      `FROM read_csv('${outside}')`,
      `FROM read_csv_auto('${outside}')`,
      `FROM read_text('${outside}')`,
      `FROM read_blob('${catalog}')`,
      `FROM read_parquet('${folder}/data/main/logs/*.parquet')`,
      `FROM parquet_scan('x.parquet')`,
      `FROM parquet_metadata('x.parquet')`,
      `FROM read_json('${outside}')`,
      `FROM sniff_csv('${outside}')`,
      `FROM glob('${folder}/*')`,
      `FROM '${outside}'`,
      `FROM 'outside.csv'`,
      `FROM "s3://bucket/x.parquet"`,
      `SELECT content FROM read_text(['${outside}'])`,
      `FROM canardstack_batch('x')`,
      `FROM query('DELETE FROM lake.logs')`,
      `FROM query_table('logs')`,
      `FROM duckdb_secrets()`,
      `FROM checkpoint('lake')`,
      `FROM force_checkpoint('lake')`,
      `SELECT write_log('x')`,
      `SELECT getenv('HOME')`,
      `SELECT nextval('s')`,
      'FROM test_all_types()',
      'PIVOT lake.logs ON service_name USING count(*)',
      'not sql at all',
      `SELECT 1 \u0000; DELETE FROM lake.logs`,
    ];
    for (const sql of refused) {
      await assert.rejects(
        run(sql),
        (error) => error instanceof QueryError && error.kind === 'bad_data',
        sql,
      );
    }
    assert.deepEqual(await rowsOf(lake, 'SELECT count(*) n FROM lake.logs'), [{ n: 2n }]);
    assert.equal((await lake.watermarks()).get('a'), 1);
  });

  it('reads the lake and nothing else', async () => {
    const refused = [
      'FROM "/some/folder"."csv"',
      'FROM "http://host"."csv"',
      'FROM "http://host"."x"."csv"',
      'FROM __ducklake_metadata_lake.ducklake_data_file',
      'FROM __ducklake_metadata_lake.main.ducklake_data_file',
      'FROM __ducklake_metadata_lake.pg_catalog.pg_authid',
      'FROM pg_catalog.pg_class',
      'FROM system.main.duckdb_settings',
      'FROM memory.main.x',
      'FROM duckdb_settings',
      'FROM duckdb_settings()',
      'FROM duckdb_databases()',
      'FROM duckdb_secrets',
      'FROM lake.other.logs',
      'SELECT (SELECT count(*) FROM pg_catalog.pg_settings)',
      'WITH a AS (FROM __ducklake_metadata_lake.ducklake_snapshot) FROM a',
      `SELECT current_setting('temp_directory')`,
      `SELECT getvariable('x')`,
      `SELECT * FROM json_execute_serialized_sql('{}')`,
    ];
    for (const sql of refused) {
      await assert.rejects(
        run(sql),
        (error) => error instanceof QueryError && error.kind === 'bad_data',
        sql,
      );
    }
    for (const sql of [
      'FROM main.logs',
      'FROM LAKE.MAIN.LOGS',
      'WITH pg_mine AS (SELECT 1) FROM pg_mine',
      'SELECT table_name FROM information_schema.tables',
      'FROM duckdb_tables()',
      'SELECT l.body FROM lake.logs l JOIN lake.v_logs v USING (trace_id)',
    ]) {
      await assert.doesNotReject(run(sql), sql);
    }
  });

  it('refuses before it is planned what planning or one call would take too much for', async () => {
    const many = (count: number, text: string, between: string) => Array(count).fill(text).join(between);
    const doubling = Array.from({ length: 17 }, (_, i) =>
      i === 0 ? 'c0 AS (SELECT 1 x)' : `c${i} AS (SELECT a.x FROM c${i - 1} a JOIN c${i - 1} b ON true)`,
    );
    const longer = Array.from({ length: 30 }, (_, i) =>
      i === 0 ? `c0 AS (SELECT body s FROM lake.logs)` : `c${i} AS (SELECT s || s AS s FROM c${i - 1})`,
    );
    const refused: [string, RegExp][] = [
      [`SELECT damerau_levenshtein(repeat('a', 60000), repeat('b', 60000))`, /damerau_levenshtein/],
      [`SELECT levenshtein(body, body) FROM lake.logs`, /levenshtein/],
      [`SELECT jaro_winkler_similarity(body, body) FROM lake.logs`, /jaro/],
      [many(5000, 'SELECT 1', ' UNION ALL '), /clauses/],
      [many(150, 'SELECT 1', ' UNION ALL '), /UNION/],
      [`WITH ${doubling.join(', ')} SELECT count(*) FROM c16`, /tables/],
      [`WITH ${longer.join(', ')} SELECT length(s) FROM c29`, /longer/],
      [`SELECT ${'('.repeat(900)}1${')'.repeat(900)}`, /nested/],
      [`SELECT ${many(1500, '1', ', ')}`, /columns/],
      [`SELECT ${many(50_001, '1', ',')}`, /characters/],
      [`SELECT [${many(20_000, '1', ',')}]`, /expressions/],
      [`SELECT * FROM ${many(70, 'lake.logs', ', ')}`, /joins|tables/],
      [`SELECT count(*) FROM lake.logs GROUP BY CUBE (${many(12, 'body', ', ')})`, /CUBE/],
      [`SELECT repeat(repeat(body, 10000), 10000) FROM lake.logs`, /longer/],
      [`SELECT lpad('x', 4000000000)`, /longer/],
      [`SELECT rpad('x', 4000000000 , 'y')`, /longer/],
      [`SELECT list_sum(range(4000000000))`, /longer/],
      [`SELECT list_transform(range(100000), x -> list_sum(range(x)))`, /longer/],
      [`SELECT printf('%999999999d', 1)`, /longer/],
      [`SELECT format('{:>999999999}', 1)`, /longer/],
      [`SELECT bar(1, 0, 1, 2000000000)`, /longer/],
      [`SELECT NULL::INTEGER[100000]`, /array type/],
      [`SELECT NULL::INTEGER[1000][100000]`, /array type/],
      [`SELECT '${'a'.repeat(100)}' LIKE '${'%_'.repeat(12)}%b'`, /wildcards/],
      [`SELECT body FROM lake.logs WHERE body ILIKE '%a%b%c%d%e%f%'`, /wildcards/],
      [`SELECT body FROM lake.logs WHERE body NOT LIKE body`, /wildcards/],
      [`SELECT body FROM lake.logs WHERE body GLOB '*a*b*c*d*e*f*'`, /wildcards/],
      [
        `SELECT *, *, *, * FROM (SELECT *, *, *, * FROM (SELECT *, *, *, * FROM (SELECT *, *, *, * FROM lake.logs)))`,
        /stars/,
      ],
      [
        `WITH a AS (SELECT *, *, *, *, * FROM lake.logs), b AS (SELECT *, *, *, *, * FROM a) SELECT *, *, *, * FROM b`,
        /stars/,
      ],
      [`${'SELECT ('.repeat(40)}SELECT 1${')'.repeat(40)}`, /deep/],
      [
        `WITH RECURSIVE r AS (SELECT 'x' s UNION ALL SELECT s || s FROM r) SELECT count(*) FROM r`,
        /recursive/,
      ],
      [
        `WITH RECURSIVE r AS (SELECT [1] s UNION ALL SELECT list_concat(s, s) FROM r) SELECT count(*) FROM r`,
        /recursive/,
      ],
      ['SHOW DATABASES', /DATABASES/],
      [`WITH ${Array.from({ length: 60 }, (_, i) => `c${i} AS (SELECT ${i})`).join(', ')} SELECT 1`, /WITH/],
    ];
    for (const [sql, why] of refused) {
      const begun = process.cpuUsage();
      await assert.rejects(
        run(sql),
        (error) => error instanceof QueryError && error.kind === 'bad_data' && why.test(error.message),
        sql.slice(0, 100),
      );
      const { user, system } = process.cpuUsage(begun);
      assert.ok(user + system < 5_000_000, sql.slice(0, 100));
    }
    const columns = many(25, 'body', ` || ' ' || `);
    for (const sql of [
      `SELECT ${columns} FROM lake.logs`,
      `SELECT replace(replace(body, 'a', 'b'), 'c', 'de'), regexp_replace(body, '[0-9]+', 'N') FROM lake.logs`,
      `SELECT lpad(severity_text, 10, ' '), repeat('-', 40) FROM lake.logs`,
      `SELECT list_sum(range(100)), printf('%05d %s', 7, body) FROM lake.logs`,
      `SELECT body FROM lake.logs WHERE body LIKE '((((((' OR body = '${'('.repeat(500)}' -- ${'('.repeat(500)}`,
      `SELECT /* ${'('.repeat(500)} */ $a$ ${'('.repeat(500)} $a$`,
      many(50, 'SELECT body FROM lake.logs', ' UNION ALL '),
      `SELECT body FROM lake.logs WHERE body LIKE '%fir%' AND body NOT ILIKE '_%x' AND body GLOB 'f*'`,
      'SELECT l.*, s.* FROM lake.logs l LEFT JOIN lake.spans s USING (trace_id)',
      'SELECT * FROM (SELECT * FROM (SELECT *, 1 AS one FROM (SELECT * FROM lake.logs)))',
      'WITH RECURSIVE r AS (SELECT 1 i UNION ALL SELECT i + 1 FROM r WHERE i < 10) SELECT max(i) FROM r',
    ]) {
      await assert.doesNotReject(run(sql), sql.slice(0, 100));
    }
  });

  it('is held in by DuckDB itself even without the guard', async () => {
    const unguarded = (sql: string) => rowsOf(lake, sql);
    await assert.rejects(unguarded(`FROM read_text('/etc/hostname')`), /disabled by configuration/);
    await assert.rejects(unguarded(`COPY (SELECT 1) TO '${folder}/x.csv'`), /disabled by configuration/);
    await assert.rejects(unguarded('SET enable_external_access = true'));
    await assert.rejects(unguarded('SET lock_configuration = false'));
    await assert.rejects(unguarded('LOAD httpfs'));
  });

  it('bounds rows and explains errors in DuckDB words, without a piece of the plan', async () => {
    const cut = await run('FROM range(101)', { maxRows: 100 });
    assert.deepEqual([cut.rows.length, cut.truncated], [100, true]);
    await assert.rejects(run('SELECT nosuch FROM lake.logs'), (error) => {
      return error instanceof QueryError && /nosuch/.test(error.message) && !/LINE 1/.test(error.message);
    });
    const whole = await run('FROM range(100)', { maxRows: 100 });
    assert.deepEqual([whole.rows.length, whole.truncated], [100, false]);
  });
});
