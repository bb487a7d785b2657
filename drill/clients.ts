import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { options } from '../bench/options.js';
import { buildPrograms } from '../bench/read/peers.js';
import { loopbackCertificate } from '../test/support/certificate.js';
import { freePort, startServer } from '../test/support/server.js';
import { compareForwarders } from './clients/forwarders.js';
import { compareScrapers } from './clients/prometheus.js';
import { nodeClients, pythonClients } from './clients/small.js';

const args = options(
  'npm run drill:clients',
  `Clients that people have send to one server with a key, and what arrives is compared field by field. Prometheus and vmagent are
built from their Go modules into .cache/peers, a few minutes each for the first time; the clients of PyPI and npm are
those that \`./run setup\` installs; rsyslog and syslog-ng (\`forwarders\`) are Debian's, unpacked into .cache/peers by APT where it is.
Exit code 1 when something differs.`,
  {
    only: {
      value: 'small,prometheus,vmagent',
      text: 'clients that send',
      of: 'CLIENTS',
      among: ['small', 'prometheus', 'vmagent', 'forwarders'],
    },
  },
);
const only = args.only.split(',');
const cache = resolve('.cache/peers');
const key = 'drill-key';
let failed = 0;

const told = (name: string, differences: readonly string[]) => {
  console.log(`${differences.length === 0 ? 'ok     ' : 'DIFFERS'} ${name}`);
  for (const difference of differences.slice(0, 20)) console.log(`          ${difference}`);
  if (differences.length > 0) failed++;
};

await buildPrograms(cache, only);
const port = await freePort();
const syslog = (at: number) => ({
  CANARDSTACK_API_KEY: key,
  CANARDSTACK_SYSLOG_BIND: `127.0.0.1:${at}`,
  CANARDSTACK_ALLOW_UNAUTHENTICATED: 'true',
});
const server = await startServer({ env: syslog(port) });
try {
  const door = { url: server.url, key };
  if (only.includes('small')) {
    for (const client of [...nodeClients, ...pythonClients(process.env['PYTHON_VENV'] ?? '.cache/venv')]) {
      const why = await client.run(door).then(
        () => [],
        (error: unknown) => [error instanceof Error ? error.message : String(error)],
      );
      told(client.name, why);
    }
  }
  if (only.includes('forwarders')) {
    const certificate = await loopbackCertificate();
    const [caFile, keyFile] = ['cert.pem', 'key.pem'].map((name) => join(server.dataDir, name)) as [
      string,
      string,
    ];
    await writeFile(caFile, certificate.cert);
    await writeFile(keyFile, certificate.private);
    // Of this drill's own server alone.
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    const tlsPort = await freePort();
    const tls = await startServer({
      env: { ...syslog(tlsPort), CANARDSTACK_TLS_CERT: caFile, CANARDSTACK_TLS_KEY: keyFile },
    });
    try {
      const doors = { plain: { ...door, port }, tls: { url: tls.url, key, port: tlsPort }, caFile };
      for (const { told: name, differences } of await compareForwarders(cache, doors))
        told(name, differences);
    } finally {
      await tls.stop();
      await rm(tls.dataDir, { recursive: true, force: true });
    }
  }
  if (only.includes('prometheus')) {
    const vmagent = only.includes('vmagent') ? `${cache}/vmagent` : null;
    const programs = { prometheus: `${cache}/prometheus`, vmagent };
    for (const { told: name, differences } of await compareScrapers(door, programs)) told(name, differences);
  }
} finally {
  await server.stop();
  await rm(server.dataDir, { recursive: true, force: true });
}
console.log(failed === 0 ? 'nothing differs' : `${failed} DIFFER`);
process.exit(failed === 0 ? 0 : 1);
