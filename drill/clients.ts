/**
 * npm run drill:clients [-- --only small,prometheus,vmagent]
 * Clients that people have send to one server with a key, and what arrives is compared field by field. Prometheus and vmagent are
 * built from their Go modules into .cache/peers, a few minutes each for the first time; the clients of PyPI and npm are
 * those that `./run setup` installs. Exit code 1 when something differs.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { rm } from 'node:fs/promises';
import { buildPrograms } from '../bench/read/peers.js';
import { startServer } from '../test/support/server.js';
import { compareScrapers } from './clients/prometheus.js';
import { nodeClients, pythonClients } from './clients/small.js';

const { values: args } = parseArgs({
  options: { only: { type: 'string', default: 'small,prometheus,vmagent' } },
});
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
const server = await startServer({ env: { CANARDSTACK_API_KEY: key } });
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
