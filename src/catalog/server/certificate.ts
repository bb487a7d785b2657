import { hostname } from 'node:os';
import { generate } from 'selfsigned';
import { isLoopback } from '../../config/address.js';
import type { Config } from '../../config/settings.js';
import { openTls, type CertificatePair, type TlsFiles } from '../../config/tls-files.js';
import type { Telemetry } from '../../telemetry/index.js';

export interface ServerCertificate {
  readonly pair: CertificatePair;
  /** Undefined for a certificate that lives as long as the process. */
  readonly files: TlsFiles | undefined;
}

/** From TLS_CERT and TLS_KEY, else self-signed; undefined when CATALOG_TLS is off. */
export async function serverCertificate(
  config: Pick<Config, 'catalogTls' | 'tlsCert' | 'tlsKey'>,
  listenHost: string,
  telemetry: Telemetry,
): Promise<ServerCertificate | undefined> {
  if (!config.catalogTls) return undefined;
  const files = await openTls(config, telemetry);
  if (files) return { pair: files.current, files };
  telemetry.log.info(
    'no CANARDSTACK_TLS_CERT: a self-signed certificate is made for the life of this process',
  );
  return { pair: await selfSigned(listenHost), files: undefined };
}

async function selfSigned(listenHost: string): Promise<CertificatePair> {
  const names = [...new Set(['localhost', hostname(), ...(isLoopback(listenHost) ? [] : [listenHost])])];
  const made = await generate([{ name: 'commonName', value: 'canardstack catalog' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + 10 * 365 * 86_400_000),
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...names.filter((name) => !/^[\d.]+$|:/.test(name)).map((value) => ({ type: 2 as const, value })),
          { type: 7 as const, ip: '127.0.0.1' },
          ...names.filter((name) => /^[\d.]+$/.test(name)).map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  });
  return { cert: Buffer.from(made.cert), key: Buffer.from(made.private) };
}
