import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { generate } from 'selfsigned';
import { resolveConfig } from '../src/config/index.js';
import { openLake } from '../src/lake/index.js';
import { createTelemetry } from '../src/telemetry/index.js';
import { extensionDir, freePort } from './support/server.js';

const main = fileURLToPath(new URL('../src/cli/bin.cjs', import.meta.url));

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function cli(args: string[], env: Record<string, string> = {}, input = ''): Promise<Outcome> {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: 'pipe',
    timeout: 120_000,
  });
  const out: Outcome = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (out.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (out.stderr += chunk.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { ...out, code };
}

/** What a server would answer, in this process. */
async function stub(listener: RequestListener, tls?: { cert: string; key: string }) {
  const server = tls ? createHttps(tls, listener) : createHttp(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    bind: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'canardstack-cli-'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the command line', () => {
  it('says how it is used and ends with 2 when used wrongly', async () => {
    for (const args of [[], ['fly'], ['serve', '--fly'], ['sql'], ['top', '--interval', '-1']]) {
      const { code, stderr } = await cli(args);
      assert.equal(code, 2, args.join(' '));
      assert.match(stderr, /Usage:|--help/, args.join(' '));
    }
  });

  it('has help with examples for every command', async () => {
    const help = await cli(['--help']);
    assert.equal(help.code, 0);
    const commands = [...help.stdout.matchAll(/^ {2}([a-z][a-z-]+)[ |]/gm)].map(([, name]) => name ?? '');
    assert.ok(commands.length >= 9, commands.join());
    for (const command of commands.filter((name) => name !== 'help')) {
      const { code, stdout } = await cli([command, '--help']);
      assert.equal(code, 0);
      assert.match(stdout, /Examples?:\n {2}\S/, command);
    }
  });

  it('takes every setting of serve as a flag', async () => {
    const { stdout } = await cli(['serve', '--help']);
    for (const flag of ['--bind', '--data-dir', '--raw-spool-capacity-bytes', '--duckdb-memory-limit']) {
      assert.ok(stdout.includes(`${flag} `), flag);
    }
  });

  it('ends with 2 and one line for each bad setting', async () => {
    const env = { CANARDSTACK_SEAL_INTERVAL_MS: 'abc', CANARDSTACK_BNID: 'x' };
    const { code, stderr } = await cli(['serve', '--role', 'reader'], env);
    assert.equal(code, 2);
    assert.deepEqual(
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/[:;] /)[0])
        .sort(),
      ['CANARDSTACK_ROLE (--role)', 'CANARDSTACK_SEAL_INTERVAL_MS', 'warning'],
    );
    assert.match(stderr, /did you mean CANARDSTACK_BIND\?/);
  });

  it('reads the file that --config names', async () => {
    const file = join(folder, 'c.yaml');
    await writeFile(file, 'retentionDays: 3\napi-key: not-for-your-eyes\n');
    const { code, stdout } = await cli(['config', '--json', '--config', file, '--max-body-bytes', '1MiB']);
    assert.equal(code, 0);
    const settings = JSON.parse(stdout) as { name: string; value: unknown; source: string }[];
    const find = (name: string) => settings.find((setting) => setting.name === name);
    assert.deepEqual([find('retentionDays')?.value, find('retentionDays')?.source], [3, 'file']);
    assert.deepEqual([find('maxBodyBytes')?.value, find('maxBodyBytes')?.source], [1_048_576, 'flag']);
    assert.equal(find('apiKey')?.value, '***');
    assert.doesNotMatch(stdout, /not-for-your-eyes/);
  });
});

describe('canardstack healthcheck', () => {
  it('asks /healthz or /readyz', async () => {
    const server = await stub((request, response) => {
      if (request.url === '/healthz') return response.end('{"status":"ok"}');
      return response.writeHead(503).end('{"reasons":["lake: away"]}');
    });
    const env = { CANARDSTACK_BIND: server.bind };
    try {
      assert.deepEqual(await cli(['healthcheck'], env), { code: 0, stdout: 'ok\n', stderr: '' });
      const ready = await cli(['healthcheck', '--ready'], env);
      assert.equal(ready.code, 1);
      assert.equal(ready.stdout, 'not ok: lake: away\n');
    } finally {
      server.close();
    }
    assert.equal((await cli(['healthcheck'], env)).code, 1);
  });

  it('trusts the configured certificate and no other', async () => {
    const pair = async () => {
      const { cert, private: key } = await generate([{ name: 'commonName', value: 'telemetry.example' }]);
      return { cert, key };
    };
    const [own, other] = [await pair(), await pair()];
    const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    await writeFile(files.cert, own.cert);
    await writeFile(files.key, own.key);
    const tls = { CANARDSTACK_TLS_CERT: files.cert, CANARDSTACK_TLS_KEY: files.key };
    for (const [served, expected] of [
      [own, 0],
      [other, 1],
    ] as const) {
      const server = await stub((_request, response) => response.end('{}'), served);
      try {
        const { code, stdout } = await cli(['healthcheck'], { CANARDSTACK_BIND: server.bind, ...tls });
        assert.equal(code, expected, stdout);
      } finally {
        server.close();
      }
    }
  });

  it('asks the health port of a catalog server, which is plain HTTP though nodes are served with TLS', async () => {
    const { cert, private: key } = await generate([{ name: 'commonName', value: 'catalog.example' }]);
    const files = { cert: join(folder, 'catalog-cert.pem'), key: join(folder, 'catalog-key.pem') };
    await writeFile(files.cert, cert);
    await writeFile(files.key, key);
    const tls = { CANARDSTACK_TLS_CERT: files.cert, CANARDSTACK_TLS_KEY: files.key };
    let status = 200;
    const server = await stub((_request, response) =>
      response.writeHead(status).end('{"reasons":["lease lost"]}'),
    );
    try {
      const ask = () => cli(['healthcheck', '--bind', server.bind], tls);
      assert.deepEqual(await ask(), { code: 0, stdout: 'ok\n', stderr: '' });
      status = 503;
      assert.deepEqual(await ask(), { code: 1, stdout: 'not ok: lease lost\n', stderr: '' });
    } finally {
      server.close();
    }
  });

  it('is bounded in time', async () => {
    const server = await stub(() => undefined);
    try {
      const { code, stdout } = await cli(['healthcheck', '--timeout', '0.2'], {
        CANARDSTACK_BIND: server.bind,
      });
      assert.equal(code, 1);
      assert.match(stdout, /did not answer within 0.2 s/);
    } finally {
      server.close();
    }
  });
});

describe('canardstack sql through a server', () => {
  it('sends the admin key and the text from standard input, and prints each format', async () => {
    const seen: { key: string | undefined; body: string }[] = [];
    const server = await stub((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        seen.push({ key: request.headers.authorization, body });
        const columns = [{ name: 'n', type: 'BIGINT' }];
        response.end(JSON.stringify({ columns, rows: [[1]], truncated: false }));
      });
    });
    const env = { CANARDSTACK_BIND: server.bind, CANARDSTACK_ADMIN_API_KEY: 'admin-key-1' };
    try {
      assert.equal(
        (await cli(['sql', '-', '--max-rows', '5'], env, 'SELECT 1 AS n')).stdout,
        'n\n─\n1\n(1 row)\n',
      );
      assert.equal((await cli(['sql', '--format', 'csv', 'SELECT 1 AS n'], env)).stdout, 'n\r\n1\r\n');
      assert.deepEqual(JSON.parse((await cli(['sql', '--json', 'x'], env)).stdout), [{ n: 1 }]);
      assert.equal(seen[0]?.key, 'Bearer admin-key-1');
      assert.deepEqual(JSON.parse(seen[0]?.body ?? ''), { sql: 'SELECT 1 AS n', maxRows: 5 });
      assert.equal((await cli(['sql', '-'], env, '  ')).code, 2);
    } finally {
      server.close();
    }
  });

  it('fails with what the server says', async () => {
    const server = await stub((_request, response) =>
      response.writeHead(400).end('{"error":{"code":"bad_data","message":"Parser Error: no"}}'),
    );
    try {
      const { code, stderr } = await cli(['sql', 'SELEC'], { CANARDSTACK_BIND: server.bind });
      assert.equal(code, 1);
      assert.equal(stderr, 'canardstack: Parser Error: no\n');
    } finally {
      server.close();
    }
  });
});

describe('canardstack top', () => {
  it('prints a line for each refresh when it is no terminal', async () => {
    let scrapes = 0;
    const server = await stub((_request, response) => {
      scrapes++;
      response.end(
        `canardstack_otlp_requests_total{signal="logs",transport="http",code="200"} ${scrapes * 1000}\n`,
      );
    });
    const env = { CANARDSTACK_BIND: server.bind };
    try {
      const lines = await cli(['top', '--interval', '0.1', '--count', '2'], env);
      assert.equal(lines.code, 0, lines.stderr);
      assert.equal(lines.stdout.trimEnd().split('\n').length, 2);
      assert.ok(!lines.stdout.includes('\u001b'));
      const json = await cli(['top', '--json', '--interval', '0.1', '--count', '1'], env);
      const view = JSON.parse(json.stdout) as { signals: { requestsPerSecond: number }[] };
      assert.ok((view.signals[0]?.requestsPerSecond ?? 0) > 0);
    } finally {
      server.close();
    }
    assert.equal((await cli(['top', '--count', '1'], env)).code, 1);
  });
});

describe('canardstack on a lake of its own', () => {
  it('reads the lake itself when no server answers, and says who holds it', async () => {
    const dataDir = join(folder, 'lake');
    const { config } = resolveConfig({ flags: { dataDir, duckdbExtensionDir: extensionDir() } });
    const env = {
      CANARDSTACK_BIND: `127.0.0.1:${await freePort()}`,
      CANARDSTACK_DATA_DIR: dataDir,
      CANARDSTACK_DUCKDB_EXTENSION_DIR: extensionDir(),
    };
    const missing = await cli(['sql', 'SELECT 1'], env);
    assert.equal(missing.code, 1);
    const lake = await openLake({ config, telemetry: createTelemetry('silent'), nodeId: 'cli' });
    const held = await cli(['sql', 'SELECT 1'], env);
    await lake.close();
    assert.equal(held.code, 1);
    assert.match(held.stderr, /lock|held|another process/i);
    const read = await cli(['sql', '--json', 'SELECT count(*) AS n FROM lake.logs'], env);
    assert.deepEqual(JSON.parse(read.stdout), [{ n: 0 }]);
    assert.equal((await cli(['sql', 'DROP TABLE lake.logs'], env)).code, 1);
  });

  it('smoke goes the whole way and says so', async () => {
    const { code, stdout, stderr } = await cli(['smoke', '--json'], {
      CANARDSTACK_DUCKDB_EXTENSION_DIR: extensionDir(),
    });
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    const { ok, steps } = JSON.parse(stdout) as { ok: boolean; steps: { status: string }[] };
    assert.equal(ok, true);
    assert.ok(steps.length >= 10 && steps.every(({ status }) => status === 'ok'), stdout);
  });
});
