import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { LakeError, isFatal } from '../duckdb/index.js';
import { lakeConfig, silentTelemetry } from '../../test/support/open-lake.js';
import { eventually, extensionDir, temporaryFolder } from '../../test/support/server.js';
import { catalogFrom } from '../catalog/index.js';
import { InstanceHost } from './host.js';
import { LakeInstance } from './instance.js';
import { ConnectionPool } from './readers.js';

describe('an instance that broke', () => {
  let folder: string;
  let opened = 0;
  let failOpening = false;
  let host: InstanceHost;

  const open = async () => {
    if (failOpening) throw new LakeError('unavailable', 'not yet');
    opened++;
    return LakeInstance.open({
      catalog: catalogFrom({
        dataDir: folder,
        ducklakeCatalogPath: undefined,
        ducklakeDataPath: undefined,
        ducklakeAttachUri: undefined,
        postgresDsn: undefined,
      }),
      config: lakeConfig(folder, {
        duckdbMemoryLimitBytes: 256 * 1024 * 1024,
        duckdbThreads: 2,
        dataInliningRowLimit: 10,
      }),
      extensionDir: extensionDir(),
      telemetry: silentTelemetry(),
      readOnly: false,
    });
  };

  before(async () => {
    folder = await temporaryFolder();
    host = new InstanceHost(await open(), open, silentTelemetry().log);
  });

  after(async () => {
    await host.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('is replaced once every connection came back, and what runs is interrupted', async () => {
    const pool = new ConnectionPool(
      { connect: () => host.acquire(), release: (connection) => host.release(connection) },
      1000,
    );
    host.onReplace(() => pool.renew());
    const signal = AbortSignal.timeout(60_000);
    await pool.withSession(signal, (session) => session.rows('CREATE TABLE lake.t AS SELECT 42 AS x'));
    const long = pool.withSession(signal, (session) =>
      session.rows('SELECT count(*) FROM range(1000000000000) a WHERE a.range % 7 = 3'),
    );
    const interrupted = assert.rejects(long, /Interrupt/i);
    await eventually(async () => (host.generation === 0 ? true : undefined));
    const replaced = host.replace('a test says so');
    assert.equal(host.replace('once more'), replaced, 'only one replacement at a time');
    await assert.rejects(host.acquire(), LakeError);
    await interrupted;
    await replaced;
    assert.equal(opened, 2);
    assert.equal(host.generation, 1);
    assert.equal(host.broken, null);
    assert.deepEqual(await pool.withSession(signal, (session) => session.rows('FROM lake.t')), [{ x: 42 }]);
    pool.close();
  });

  it('is opened again and again until it works', async () => {
    failOpening = true;
    const replaced = host.replace('a test says so');
    await eventually(async () => (host.broken === 'not yet' ? true : undefined));
    assert.throws(() => host.current, /not yet/);
    failOpening = false;
    await replaced;
    host.release(await host.acquire());
  });

  it('is told from other failures by its message', () => {
    assert.ok(isFatal(new Error('FATAL Error: Failed: database has been invalidated because of a previous')));
    assert.ok(isFatal(new Error('IO Error: x: database has been invalidated')));
    assert.ok(isFatal(new Error('INTERNAL Error: assertion')));
    assert.ok(!isFatal(new Error('Conversion Error: FATAL Error')));
  });
});
