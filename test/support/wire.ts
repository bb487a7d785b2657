/** What tests of the wire need: an intake that answers as told, certificates, and raw sockets. */
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { BufferPool, type Payload, type Signal } from '../../src/schema/index.js';
import type { Intake, IntakeResult } from '../../src/seal/types.js';
import { createTelemetry, type Telemetry } from '../../src/telemetry/index.js';
import { loopbackCertificate } from './certificate.js';

type Refused = Extract<IntakeResult, { kind: 'refused' }>;

export class StubIntake implements Intake {
  readonly received: { signal: Signal; payload: Payload }[] = [];
  readonly buffers = new BufferPool(1024 * 1024);
  refuses: Refused | null = null;
  answer: () => IntakeResult | Promise<IntakeResult> = () => accepted();

  refusal(): Refused | null {
    return this.refuses;
  }

  async submit(signal: Signal, payload: Payload): Promise<IntakeResult> {
    this.received.push({ signal, payload });
    return this.answer();
  }
}

export function accepted(rows = 1, rejected = 0, reason = ''): IntakeResult {
  return { kind: 'accepted', rows, rejected, reason };
}

export function refusedWith(reason: Refused['reason'], retryAfterSeconds = 7): Refused {
  return { kind: 'refused', reason, message: 'not now', retryAfterSeconds };
}

/** Telemetry whose log lines can be read. */
export function recordedTelemetry(): Telemetry & { lines(): string } {
  let text = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { ...createTelemetry('info', sink), lines: () => text };
}

export interface TestCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** A self-signed certificate for localhost and 127.0.0.1; files go to `folder` or a new one. */
export async function testCertificate(folder?: string): Promise<TestCertificate> {
  const dir = folder ?? (await mkdtemp(join(tmpdir(), 'canardstack-tls-')));
  const made = await loopbackCertificate();
  const [certFile, keyFile] = [join(dir, 'tls.crt'), join(dir, 'tls.key')];
  await writeFile(certFile, made.cert);
  await writeFile(keyFile, made.private);
  return { certFile, keyFile, cert: made.cert, key: made.private };
}

/** Sends bytes as they are and gives all that came back until the server closed. */
export async function rawExchange(port: number, ...parts: readonly (string | Uint8Array)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => {});
  await once(socket, 'connect');
  for (const part of parts) socket.write(part);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}
