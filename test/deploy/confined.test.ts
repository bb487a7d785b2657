import assert from 'node:assert/strict';
import { chown, mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { extensionDir, longestWaitMs, temporaryFolder } from '../support/server.js';
import { imageEnv, onPath, run, text } from './files.js';

const programs = ['unshare', 'setpriv', 'ip', 'mount', 'chroot'];

async function reasonToSkip(): Promise<string | false> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root on Linux can do this';
  const missing = programs.filter((program) => !onPath(program));
  if (missing.length > 0) return `${missing.join(', ')} not found`;
  return run('unshare', ['--mount', '--net', '--pid', '--fork', 'true']).then(
    () => false,
    () => 'namespaces are not allowed here',
  );
}

/** What compose adds for a service, references filled in. */
function composeEnv(file: string, service: string): Record<string, string> {
  const compose = parse(text(`deploy/compose/${file}`), { merge: true }) as {
    services: Record<string, { environment: Record<string, string> }>;
  };
  const environment = compose.services[service]?.environment ?? {};
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      value.replace(/\$\{(\w+)[^}]*\}/g, (_, key: string) => `value-of-${key.toLowerCase()}`),
    ]),
  );
}

/** Starts a server in the background, waits until it is well, does `then`, ends it and says its exit code. */
const script = (serve: string, healthy: string, then: string) => `
  id
  grep -E '^(CapEff|NoNewPrivs)' /proc/self/status
  touch /opt/canardstack/x 2>/dev/null && echo 'the root is writable'
  canardstack() { node /opt/canardstack/dist/src/cli/bin.cjs "$@"; }
  node /opt/canardstack/dist/src/cli/bin.cjs ${serve} & server=$!
  tries=0
  until canardstack ${healthy} >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 60 ] || ! kill -0 $server; then echo 'it did not become healthy'; exit 1; fi
    sleep 0.3
  done
  echo healthy
  ${then}
  kill -TERM $server
  wait $server
  echo "ended with $?"`;

const skip = await reasonToSkip();

describe('the entry points, confined as in their containers', { skip }, () => {
  let folder: string;
  before(async () => {
    folder = await temporaryFolder();
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function confined(name: string, env: Record<string, string>, command: string) {
    const [root, data] = [join(folder, `${name}-root`), join(folder, `${name}-data`)];
    await mkdir(root);
    await mkdir(data);
    await chown(data, 10_001, 10_001);
    const variables = { ...imageEnv, ...env, PATH: '/opt/bin:/usr/local/bin:/usr/bin:/bin' };
    const { stdout, stderr } = await run(
      'unshare',
      [
        ...['--mount', '--net', '--pid', '--fork', '--kill-child', 'sh', 'test/deploy/confine.sh', root],
        fileURLToPath(new URL('../..', import.meta.url)),
        ...[resolve('node_modules'), resolve(extensionDir()), process.execPath, data],
        ...['env', '-i', ...Object.entries(variables).map(([key, value]) => `${key}=${value}`)],
        ...['sh', '-c', command],
      ],
      { timeout: longestWaitMs },
    ).catch((error: unknown) => {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      throw new Error(`${stdout}\n${stderr}`);
    });
    assert.match(stdout, /^uid=10001 gid=10001/m);
    assert.match(stdout, /^CapEff:\s0+$/m);
    assert.match(stdout, /^NoNewPrivs:\s1$/m);
    assert.doesNotMatch(stdout, /the root is writable/);
    assert.match(stdout, /^healthy$/m, stderr);
    assert.match(stdout, /^ended with 0$/m, stderr);
    return { stdout, stderr, written: await readdir(data) };
  }

  it('one node takes, keeps and answers with the image’s own settings', async () => {
    const { stdout, written } = await confined(
      'one-node',
      composeEnv('one-node.yaml', 'canardstack'),
      script('serve', 'healthcheck --ready', 'canardstack smoke-http && echo "smoke passed"'),
    );
    assert.match(stdout, /^smoke passed$/m);
    assert.ok(written.includes('canardstack.ducklake') && written.includes('spool'), written.join());
  });

  it('the catalog server serves, and its health check answers', async () => {
    const { written } = await confined(
      'catalog',
      {
        ...composeEnv('cluster.yaml', 'catalog'),
        // The object store is on another network.
        CANARDSTACK_S3_ENDPOINT: '',
        CANARDSTACK_DUCKLAKE_DATA_PATH: '/var/lib/canardstack/data',
      },
      script('serve-catalog', 'healthcheck --bind 127.0.0.1:8080', ''),
    );
    assert.ok(written.includes('canardstack.ducklake'), written.join());
  });

  it('without a key the image refuses to start', async () => {
    await assert.rejects(
      confined('no-key', {}, 'node /opt/canardstack/dist/src/cli/bin.cjs serve'),
      /CANARDSTACK_API_KEY is not set/,
    );
  });
});
