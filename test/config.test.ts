import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  configMarkdown,
  ConfigError,
  describeConfig,
  effective,
  machine,
  maskedConfig,
  readConfigFile,
  resolveConfig,
  settingDef,
  settingNames,
  type ConfigInputs,
} from '../src/config/index.js';

function problems(inputs: ConfigInputs, what = 'the configuration'): readonly string[] {
  try {
    resolveConfig(inputs);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  assert.fail(`${what} was accepted`);
}

describe('resolveConfig', () => {
  it('takes every default as valid', () => {
    const { config, sources, warnings } = resolveConfig({});
    for (const name of settingNames) {
      const { default: fallback, schema } = settingDef(name);
      assert.equal(config[name], fallback);
      assert.equal(sources[name], 'default');
      if (fallback !== undefined) assert.equal(schema.parse(fallback), fallback, name);
    }
    assert.deepEqual(warnings, []);
  });

  it('prefers flag, then environment, then file, then default', () => {
    const layers = {
      flags: { queryConcurrency: '7' },
      env: { CANARDSTACK_QUERY_CONCURRENCY: '6', CANARDSTACK_RETENTION_DAYS: '3' },
      file: { queryConcurrency: 5, retentionDays: 4, 'seal-interval-ms': 200 },
    };
    const { config, sources } = resolveConfig(layers);
    assert.equal(config.queryConcurrency, 7);
    assert.equal(config.retentionDays, 3);
    assert.equal(config.sealIntervalMs, 200);
    assert.equal(config.queryTimeoutMs, 30_000);
    assert.deepEqual(
      [sources.queryConcurrency, sources.retentionDays, sources.sealIntervalMs, sources.queryTimeoutMs],
      ['flag', 'environment', 'file', 'default'],
    );
  });

  it('takes sizes and durations with units', () => {
    const { config } = resolveConfig({
      env: {
        CANARDSTACK_MAX_BODY_BYTES: '512KiB',
        CANARDSTACK_DUCKDB_MEMORY_LIMIT: '1GB',
        CANARDSTACK_RAW_SPOOL_SEGMENT_BYTES: '64k',
        CANARDSTACK_SEAL_INTERVAL_MS: '1.5s',
        CANARDSTACK_ACCEPT_LATE_SECS: '2h',
        CANARDSTACK_CHECKPOINT_INTERVAL_SECS: '90',
      },
    });
    assert.equal(config.maxBodyBytes, 524_288);
    assert.equal(config.duckdbMemoryLimitBytes, 1_000_000_000);
    assert.equal(config.rawSpoolSegmentBytes, 64_000);
    assert.equal(config.sealIntervalMs, 1500);
    assert.equal(config.acceptLateSecs, 7200);
    assert.equal(config.checkpointIntervalSecs, 90);
  });

  it('counts a plain QUERY_TIMEOUT in seconds and lets QUERY_TIMEOUT_MS win', () => {
    const timeout = (env: Record<string, string>) => resolveConfig({ env }).config.queryTimeoutMs;
    assert.equal(timeout({ CANARDSTACK_QUERY_TIMEOUT: '15' }), 15_000);
    assert.equal(timeout({ CANARDSTACK_QUERY_TIMEOUT: '250ms' }), 250);
    assert.equal(timeout({ CANARDSTACK_QUERY_TIMEOUT_MS: '9', CANARDSTACK_QUERY_TIMEOUT: '15' }), 9);
  });

  it('takes an empty environment variable as not set', () => {
    const { config, sources } = resolveConfig({ env: { CANARDSTACK_API_KEY: '' } });
    assert.equal(config.apiKey, undefined);
    assert.equal(sources.apiKey, 'default');
  });

  it('names each bad setting, its value and what is allowed', () => {
    const found = problems({
      flags: { bind: 'localhost' },
      env: {
        CANARDSTACK_SEAL_INTERVAL_MS: 'abc',
        CANARDSTACK_ROLE: 'reader',
        CANARDSTACK_DUCKDB_MEMORY_LIMIT: '20MB',
        CANARDSTACK_QUERY_CONCURRENCY: '0',
        CANARDSTACK_RETENTION_DAYS: '1.5',
        CANARDSTACK_BIND: 'ignored:1',
      },
      file: { duckdbThreads: [] },
      fileName: 'c.yaml',
    });
    assert.equal(found.length, 7);
    assert.ok(
      found.includes(
        'CANARDSTACK_SEAL_INTERVAL_MS: "abc" is not a number; allowed: a positive integer (milliseconds), or a duration such as 500ms, 30s, 5m; default 1000',
      ),
      found.join('\n'),
    );
    const match = (pattern: RegExp) =>
      assert.ok(
        found.some((text) => pattern.test(text)),
        found.join('\n'),
      );
    match(/^CANARDSTACK_BIND \(--bind\): "localhost" is not host:port; allowed: /);
    match(/^CANARDSTACK_DUCKDB_MEMORY_LIMIT: "20MB" is below 67108864; /);
    match(/^CANARDSTACK_ROLE: "reader" is not .*; allowed: all, ingest, query; default all$/);
    match(/^CANARDSTACK_QUERY_CONCURRENCY: "0" is below 1; /);
    match(/^CANARDSTACK_RETENTION_DAYS: "1\.5" is not a whole number/);
    match(/^CANARDSTACK_DUCKDB_THREADS \(duckdbThreads in c\.yaml\): \[\] is not a number/);
  });

  it('refuses nonsense for each setting with one line that names it', () => {
    const [tooLong, control] = ['9'.repeat(400), 'a\nb'];
    const numbers = [
      'abc',
      '-1',
      '1.5x',
      'NaN',
      'Infinity',
      '0x10',
      '1e999',
      tooLong,
      '5 parsecs',
      '\u0663',
      control,
    ];
    const addresses = [
      'localhost',
      ':1',
      'a b:1',
      '127.0.0.1:65536',
      'http://x:1',
      'host:-1',
      '[::1:80',
      control,
    ];
    /** By the words for what is allowed. */
    const nonsense: [RegExp, readonly unknown[]][] = [
      [/integer|whole number/, [...numbers, '', [], {}, true]],
      [/^true or false/, ['maybe', '2', 'ja', 'true false', '', [], {}]],
      [
        /^a host,/,
        [':1', 'a b:1', '127.0.0.1:65536', 'http://x/y', 'u@x', 'host:-1', '[::1:80', control, '', 5],
      ],
      [/^host:port/, [...addresses, '', 7, []]],
      [
        /printable ASCII/,
        ['short', 'first-line\nsecond-line', 'tab\tinside', ' leading-space', 'schlüssel-lang', '', 12345678],
      ],
      [
        /libpq/,
        ['s3cret', 'host', 'host=a b', 'postgresql://u:p@h:x/db', 'postgresql://%zz', control, '', 5],
      ],
      [/^an http:/, ['localhost:4318', 'ftp://x', 'http://', '//x', control, '', 5]],
      [/^name=value/, ['novalue', '=x', 'a b=c', 'a=%', control, 5]],
      [/^attribute keys/, ['a b', 'a,,b', ',', 'a"b', 'x'.repeat(101), control, '', 5]],
      [/^origins/, ['shop.example', 'https://a/b', ',', control, '', 5]],
      [
        /^a DuckLake URI/,
        ['nonsense', 'ducklake:file.db', 'ducklake:', 'quack:', 'sqlite:x', control, '', 5],
      ],
      [/^a region$/, ['eu central', '-', control, '', 5]],
      [/^(?:a file|a folder|a key id|a key$)/, [control, 'a\0b', '', 5, []]],
    ];
    for (const name of settingNames) {
      const { env, allowed } = settingDef(name);
      const values = /^[a-z]+(?:, [a-z]+)+$/.test(allowed)
        ? ['ALL', 'none of them', 'all\n', '', 5, []]
        : nonsense.find(([words]) => words.test(allowed))?.[1];
      assert.ok(values, `${env}: nothing is tried for ${allowed}`);
      for (const value of values) {
        const found = problems({ flags: { [name]: value } }, `${env}: ${JSON.stringify(value)}`);
        assert.equal(found.length, 1, `${env}: ${JSON.stringify(value)}`);
        assert.ok(found[0]?.startsWith(`CANARDSTACK_${env} (--`), found[0]);
        assert.doesNotMatch(found[0] ?? '', /\n/);
        assert.ok((found[0] ?? '').length < 500, found[0]);
      }
    }
  });

  it('never shows a secret', () => {
    const [text = ''] = problems({ env: { CANARDSTACK_API_KEY: 'hunter2' } });
    assert.match(text, /^CANARDSTACK_API_KEY: the value is shorter than 8 characters; /);
    assert.doesNotMatch(text, /hunter2/);
    const { config } = resolveConfig({ env: { CANARDSTACK_API_KEY: 'hunter2-hunter2' } });
    assert.equal(maskedConfig(config).apiKey, '***');
    assert.equal(maskedConfig(config).adminApiKey, null);
  });

  it('refuses settings that contradict each other', () => {
    assert.match(
      problems({ env: { CANARDSTACK_TLS_CERT: 'a.pem' } })[0] ?? '',
      /TLS_KEY: set both or neither/,
    );
    assert.match(
      problems({ env: { CANARDSTACK_MAX_BODY_BYTES: '1GiB' } })[0] ?? '',
      /MAX_DECODED_BODY_BYTES: 67108864 is below CANARDSTACK_MAX_BODY_BYTES \(1073741824\)/,
    );
  });

  it('warns of unknown names with the nearest known one', () => {
    const { warnings } = resolveConfig({
      env: {
        CANARDSTACK_QUERY_CONCURENCY: '4',
        CANARDSTACK_FAULT: 'drain',
        CANARDSTACK_CONFIG: 'x.yaml',
        CANARDSTACK_QWXZV: '1',
        PATH: '/bin',
      },
      file: { retentionDay: 3 },
    });
    assert.deepEqual(warnings, [
      'the configuration file: unknown setting retentionDay; did you mean retentionDays?',
      'unknown environment variable CANARDSTACK_QUERY_CONCURENCY; did you mean CANARDSTACK_QUERY_CONCURRENCY?',
      'unknown environment variable CANARDSTACK_QWXZV',
    ]);
  });
});

describe('readConfigFile', () => {
  it('reads YAML and JSON and refuses anything else without quoting it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'canardstack-config-'));
    try {
      const file = async (text: string) => {
        const path = join(folder, 'c');
        await writeFile(path, text);
        return readConfigFile(path);
      };
      assert.deepEqual(await file('retentionDays: 3\nlog-level: warn\n'), {
        retentionDays: 3,
        'log-level': 'warn',
      });
      assert.deepEqual(await file('{"retentionDays": 3}'), { retentionDays: 3 });
      assert.deepEqual(await file(''), {});
      await assert.rejects(file('- a\n- b'), /must hold one mapping/);
      await assert.rejects(file('apiKey: [secret-key'), (error: Error) => {
        assert.match(error.message, /is not valid YAML or JSON/);
        assert.doesNotMatch(error.message, /secret-key/);
        return true;
      });
      assert.throws(() => readConfigFile(join(folder, 'missing')), /can't be read: ENOENT/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('effective', () => {
  const host = { memoryBytes: 10_000_000_000, cores: 1 };

  it('computes what depends on the machine and on other settings', () => {
    const config = effective(resolveConfig({ env: { CANARDSTACK_DATA_DIR: '/d' } }).config, host);
    assert.equal(config.duckdbMemoryLimitBytes, 4_000_000_000);
    assert.equal(config.queryMemoryLimitBytes, 3_000_000_000);
    assert.equal(config.memoryCapBytes, 8_000_000_000);
    assert.equal(config.duckdbThreads, 1);
    assert.equal(config.decodeThreads, 1);
    assert.equal(config.ducklakeCatalogPath, '/d/canardstack.ducklake');
    assert.equal(config.ducklakeDataPath, '/d/data');
  });

  it('leaves what is set', () => {
    const env = { CANARDSTACK_DECODE_THREADS: '5', CANARDSTACK_DUCKLAKE_DATA_PATH: 's3://b/p' };
    const config = effective(resolveConfig({ env }).config, host);
    assert.equal(config.decodeThreads, 5);
    assert.equal(config.ducklakeDataPath, 's3://b/p');
  });
});

describe('the cores of a machine', () => {
  it('are those of the quota of its container at most', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'canardstack-cgroup-'));
    try {
      const all = machine(folder).cores;
      assert.ok(all >= 1);
      await writeFile(join(folder, 'cpu.max'), 'max 100000\n');
      assert.equal(machine(folder).cores, all);
      await writeFile(join(folder, 'cpu.max'), '50000 100000\n');
      assert.equal(machine(folder).cores, 1);
      await rm(join(folder, 'cpu.max'));
      await mkdir(join(folder, 'cpu'));
      await writeFile(join(folder, 'cpu', 'cpu.cfs_quota_us'), '70000\n');
      await writeFile(join(folder, 'cpu', 'cpu.cfs_period_us'), '100000\n');
      assert.equal(machine(folder).cores, 1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('docs/configuration.md', () => {
  it('is what `canardstack config --markdown` prints', async () => {
    assert.equal(await readFile('docs/configuration.md', 'utf8'), configMarkdown());
  });

  it('has every setting and no value of a secret', () => {
    const { config, sources } = resolveConfig({ flags: { apiKey: 'very-secret-key' } });
    const reports = describeConfig(config, sources);
    assert.equal(reports.length, settingNames.length);
    assert.deepEqual(
      reports.filter(({ name }) => name === 'apiKey').map(({ value, source }) => ({ value, source })),
      [{ value: '***', source: 'flag' }],
    );
    for (const name of settingNames)
      assert.ok(configMarkdown().includes(`CANARDSTACK_${settingDef(name).env}\``));
  });
});
