import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { catalogFrom, type CatalogConfig } from './index.js';

const base: CatalogConfig = {
  dataDir: './data-dir',
  ducklakeCatalogPath: undefined,
  ducklakeDataPath: undefined,
  ducklakeAttachUri: undefined,
  postgresDsn: undefined,
};

describe('the catalog that the settings name', () => {
  it('is a file in the data folder by default', () => {
    const catalog = catalogFrom(base);
    assert.equal(catalog.kind, 'local');
    assert.equal(catalog.file, resolve('data-dir/canardstack.ducklake'));
    assert.equal(catalog.attachUri, `ducklake:${catalog.file}`);
    assert.equal(catalog.dataPath, `${resolve('data-dir/data')}/`);
    assert.equal(catalog.dataIsLocal, true);
    assert.deepEqual(catalog.extensions, ['ducklake']);
  });

  it('keeps object-store prefixes as they are and loads what they need', () => {
    const catalog = catalogFrom({ ...base, ducklakeDataPath: 's3://bucket/lake' });
    assert.equal(catalog.dataPath, 's3://bucket/lake/');
    assert.equal(catalog.dataIsLocal, false);
    assert.deepEqual(catalog.extensions, ['httpfs', 'ducklake']);
  });

  it('may be a Quack server or Postgres, described without secrets', () => {
    const quack = catalogFrom({ ...base, ducklakeAttachUri: 'ducklake:quack:host:9494' });
    assert.deepEqual(
      [quack.kind, quack.file, quack.extensions],
      ['quack', null, ['httpfs', 'quack', 'ducklake']],
    );
    const dsn = catalogFrom({ ...base, postgresDsn: "host=db user=u password='s3 cret' dbname=d" });
    assert.equal(dsn.kind, 'postgres');
    assert.match(dsn.attachUri, /s3 cret/);
    assert.doesNotMatch(dsn.describe(), /cret/);
    const uri = catalogFrom({ ...base, ducklakeAttachUri: 'postgres:postgresql://u:s3cret@db:5432/d' });
    assert.deepEqual([uri.kind, uri.attachUri.startsWith('ducklake:postgres:')], ['postgres', true]);
    assert.doesNotMatch(uri.describe(), /s3cret/);
    assert.match(uri.describe(), /u:\*\*\*@db/);
  });
});
