import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { eventually, freePort } from '../../../test/support/server.js';
import {
  rawExchange,
  recordedTelemetry,
  StubIntake,
  testCertificate,
  type TestCertificate,
} from '../../../test/support/wire.js';
import { openTls, type TlsFiles } from '../../http/index.js';
import { startSyslog, type SyslogServer } from './server.js';

const config = { acceptLateSecs: 100, acceptFutureSecs: 10, maxBodyBytes: 1e6, maxDecodedBodyBytes: 1e6 };
const openssl = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not there';

describe('syslog over TLS (RFC 5425)', () => {
  const telemetry = recordedTelemetry();
  const intake = new StubIntake();
  let certificate: TestCertificate;
  let tls: TlsFiles | undefined;
  let server: SyslogServer;
  let port: number;

  before(async () => {
    certificate = await testCertificate();
    tls = await openTls({ tlsCert: certificate.certFile, tlsKey: certificate.keyFile }, telemetry);
    port = await freePort();
    server = await startSyslog({ intake, config, telemetry, bind: `127.0.0.1:${port}`, tls });
  });
  after(async () => {
    await server.close();
    tls?.close();
  });

  /** All messages so far, as they are spooled: each behind its length. */
  const spooled = () => intake.received.map(({ payload }) => Buffer.from(payload.body).toString()).join('');
  const holding = (text: string) => eventually(async () => (spooled().includes(text) ? true : undefined));

  it('takes messages by octet counting and by lines, cut anywhere', async () => {
    const socket: TLSSocket = connect({
      host: '127.0.0.1',
      port,
      ca: certificate.cert,
      servername: 'localhost',
    });
    await once(socket, 'secureConnect');
    const messages = ['<13>1 - h a - - - one\nand a line', '<13>1 - h a - - - two é'];
    const bytes = Buffer.from(messages.map((one) => `${Buffer.byteLength(one)} ${one}`).join(''));
    for (let at = 0; at < bytes.length; at += 7) socket.write(bytes.subarray(at, at + 7));
    socket.end('<13>three by a line\n');
    await once(socket, 'close');
    await holding('three by a line');
    assert.equal(spooled(), `${bytes.toString()}19 <13>three by a line`);
  });

  it('takes what openssl sends', { skip: openssl }, async () => {
    const options = ['-quiet', '-CAfile', certificate.certFile, '-verify_return_error'];
    const client = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...options]);
    client.stdin.end('<14>by openssl\n');
    await holding('14 <14>by openssl');
    client.kill();
  });

  it('hears nothing of clients without TLS, and goes on', async () => {
    const before = intake.received.length;
    await rawExchange(port, '<13>plain\n');
    assert.equal(intake.received.length, before);
    const socket = connect({ host: '127.0.0.1', port, ca: certificate.cert, servername: 'localhost' });
    socket.end('<13>after it\n');
    await holding('after it');
  });
});
