import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keyCheck } from './auth.js';
import { assertBindAllowed, isLoopback, parseBind } from './bind.js';

describe('key check', () => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

  it('accepts any of its keys, wherever it comes', () => {
    const check = keyCheck('first key', undefined, 'second: key');
    for (const key of ['first key', 'second: key']) {
      assert.equal(check({ authorization: `Bearer ${key}`, apiKey: undefined }), 'ok');
      assert.equal(check({ authorization: `  `, apiKey: key }), 'ok');
      assert.equal(check({ authorization: basic(`user:${key}`), apiKey: undefined }), 'ok');
      assert.equal(check({ authorization: basic(`:${key}`), apiKey: undefined }), 'ok');
    }
  });

  it('tells a wrong key from a missing one', () => {
    const check = keyCheck('first key');
    for (const authorization of [
      'Bearer first',
      'Bearer first keyy',
      basic('first key:'),
      basic('first key:x'),
    ]) {
      assert.equal(check({ authorization, apiKey: undefined }), 'wrong', authorization);
    }
    for (const authorization of [
      undefined,
      '',
      'Bearer',
      'Bearer  ',
      'first key',
      'Digest a',
      basic('first key'),
    ]) {
      assert.equal(check({ authorization, apiKey: undefined }), 'missing', authorization);
    }
    assert.equal(check({ authorization: 'Bearer first key', apiKey: 'other' }), 'wrong');
  });

  it('accepts everything when no key is set', () => {
    assert.equal(keyCheck(undefined, undefined)({ authorization: undefined, apiKey: undefined }), 'ok');
  });
});

describe('bind addresses', () => {
  it('splits host and port', () => {
    assert.deepEqual(parseBind('127.0.0.1:4318'), { host: '127.0.0.1', port: 4318 });
    assert.deepEqual(parseBind('[::1]:0'), { host: '::1', port: 0 });
    for (const bad of ['localhost', ':80', 'a:b', 'a:65536', 'a:-1'])
      assert.throws(() => parseBind(bad), /host:port/);
  });

  it('knows loopback addresses', () => {
    for (const host of ['127.0.0.1', '127.8.9.1', '::1', 'localhost', 'LOCALHOST', '::ffff:127.0.0.1']) {
      assert.equal(isLoopback(host), true, host);
    }
    for (const host of [
      '0.0.0.0',
      '::',
      '10.0.0.1',
      'example.com',
      '128.0.0.1',
      '::ffff:10.0.0.1',
      '127.0.0.1.evil',
    ]) {
      assert.equal(isLoopback(host), false, host);
    }
  });

  it('refuses an open address without a key, for each protocol', () => {
    const closed = {
      bind: '127.0.0.1:4318',
      grpcBind: '[::1]:4317',
      syslogBind: 'off',
      apiKey: undefined,
      allowUnauthenticated: false,
    } as const;
    assertBindAllowed(closed);
    assertBindAllowed({ ...closed, grpcBind: 'off' });
    assert.throws(
      () => assertBindAllowed({ ...closed, bind: '0.0.0.0:4318' }),
      /CANARDSTACK_BIND is 0\.0\.0\.0:4318/,
    );
    assert.throws(
      () => assertBindAllowed({ ...closed, grpcBind: '[::]:4317' }),
      /CANARDSTACK_GRPC_BIND is \[::\]:4317/,
    );
    assertBindAllowed({ ...closed, bind: '0.0.0.0:4318', apiKey: 'long enough' });
    const syslog = { ...closed, syslogBind: '0.0.0.0:514' };
    for (const apiKey of [undefined, 'long enough']) {
      assert.throws(
        () => assertBindAllowed({ ...syslog, apiKey }),
        /CANARDSTACK_SYSLOG_BIND is 0\.0\.0\.0:514/,
      );
    }
    assertBindAllowed({ ...syslog, allowUnauthenticated: true });
    assertBindAllowed({ ...closed, syslogBind: '127.0.0.1:514' });
    assertBindAllowed({ ...closed, bind: '0.0.0.0:4318', allowUnauthenticated: true });
  });
});
