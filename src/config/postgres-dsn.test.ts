import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DsnError, parseDsn, renderDsn } from './postgres-dsn.js';

const parsed = (dsn: string) => Object.fromEntries(parseDsn(dsn));

describe('a libpq connection string', () => {
  it('is read in its key=value form, quoting included', () => {
    assert.deepEqual(parsed(`host=db1,db2 port = 5432  password='it''' user=u`.replace(`''' `, `\\'s' `)), {
      host: 'db1,db2',
      port: '5432',
      password: "it's",
      user: 'u',
    });
    assert.deepEqual(parsed(String.raw`options='-c a=b' password=a\ b\\c dbname=''`), {
      options: '-c a=b',
      password: 'a b\\c',
      dbname: '',
    });
    assert.deepEqual(parsed('  '), {});
  });

  it('is read as a URI', () => {
    assert.deepEqual(
      parsed('postgresql://me:p%40ss:w@h1:5433,[::1]/my%20db?sslmode=require&connect_timeout=3'),
      {
        host: 'h1,::1',
        port: '5433,',
        user: 'me',
        password: 'p@ss:w',
        dbname: 'my db',
        sslmode: 'require',
        connect_timeout: '3',
      },
    );
    assert.deepEqual(parsed('postgres:///lake?host=/run/postgresql'), {
      dbname: 'lake',
      host: '/run/postgresql',
    });
  });

  it('comes back the same from its own rendering', () => {
    for (const dsn of [String.raw`a='x y' b='it\'s' c='' d=\\`, 'postgresql://u:a b@h/d']) {
      assert.deepEqual(parsed(renderDsn(parseDsn(dsn))), parsed(dsn));
    }
  });

  it('that is none is refused without being repeated', () => {
    for (const dsn of ['s3cret', "password='s3cret", 'postgresql://u:%zz-s3cret@h/', 'host=a s3cret']) {
      assert.throws(
        () => parseDsn(dsn),
        (error) => error instanceof DsnError && !error.message.includes('s3cret'),
      );
    }
  });
});
