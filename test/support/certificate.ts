import { randomUUID } from 'node:crypto';
import { generate } from 'selfsigned';

/**
 * Self-signed, for `localhost` and 127.0.0.1, and an authority of its own; valid from and until so many days from now.
 * Each has another subject: OpenSSL takes one authority for another of the same name.
 */
export function loopbackCertificate(
  fromDays = -1,
  untilDays = 365,
): Promise<{ cert: string; private: string }> {
  const day = 86_400_000;
  return generate([{ name: 'commonName', value: `test ${randomUUID()}` }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() + fromDays * day),
    notAfterDate: new Date(Date.now() + untilDays * day),
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
}
