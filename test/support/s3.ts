import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort, longestWaitMs, temporaryFolder } from './server.js';

const run = promisify(execFile);

export interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface TestS3 {
  /** `http://<host>:<port>` */
  readonly endpoint: string;
  readonly bucket: string;
  readonly root: Key;
  readonly pid: number;
  /** The bucket's folder, whose files are its objects. */
  readonly objects: string;
  /** Files below the bucket's folder, as the server keeps its objects; keys sorted. */
  keys(prefix?: string): Promise<string[]>;
  /** A user who may do only `actions` (such as `s3:GetObject`) in the bucket. */
  user(name: string, actions: readonly string[]): Promise<Key>;
  /** Takes all permissions from a user. */
  forbid(name: string): Promise<void>;
  /** Environment of a process that reaches it: credentials of `key`, and the settings (through `endpoint`). */
  env(options?: { key?: Key; endpoint?: string }): Record<string, string>;
  /** SIGKILL; the objects stay. */
  kill(): Promise<void>;
  /** Starts it again on the same port and objects. */
  start(): Promise<void>;
  /** Ends it and removes its folder, unless that was given. */
  stop(): Promise<void>;
}

export function versitygw(): string | null {
  const path = process.env['VERSITYGW'] || join(process.cwd(), '.cache/bin/versitygw');
  return existsSync(path) ? path : null;
}

/** A reason to skip tests that need an S3 server, or false. On CI it never skips: there the start fails and says why. */
export function skipWithoutS3(): string | false {
  if (versitygw() !== null || process.env['CI'] === 'true') return false;
  return process.env['VERSITYGW_MISSING'] || 'versitygw is not installed; VERSITYGW names it';
}

/**
 * A real S3 server of its own: free port on `host` (127.0.0.1), one bucket, in a temporary folder or in `kept`, which may hold
 * the objects of a server before.
 */
export async function startS3({
  host = '127.0.0.1',
  region = 'us-east-1',
  folder: kept = undefined as string | undefined,
} = {}): Promise<TestS3> {
  const program = versitygw();
  if (program === null) throw new Error(skipWithoutS3() || 'versitygw is not installed');
  const folder = kept ?? (await temporaryFolder());
  const bucket = 'canardstack-test';
  const root = { accessKeyId: 'CANARDROOT', secretAccessKey: 'canard-root-s3cret' };
  const [data, iam] = [join(folder, 'data'), join(folder, 'iam')];
  await mkdir(data, { recursive: true });
  await mkdir(iam, { recursive: true });
  const port = await freePort();
  const endpoint = `http://${host}:${port}`;
  const client = new S3Client({ endpoint, region, credentials: root, forcePathStyle: true });
  const users = new Map<string, readonly string[]>();

  const launch = async () => {
    const child = spawn(
      program,
      [
        '--port',
        `${host}:${port}`,
        '--region',
        region,
        '--keep-alive',
        '--quiet',
        '--iam-dir',
        iam,
        '--iam-cache-disable',
        '--health',
        '/health',
        'posix',
        data,
      ],
      {
        env: { ROOT_ACCESS_KEY_ID: root.accessKeyId, ROOT_SECRET_ACCESS_KEY: root.secretAccessKey },
        stdio: 'ignore',
      },
    );
    const ended = once(child, 'exit');
    const deadline = Date.now() + longestWaitMs;
    while (
      !(await fetch(`${endpoint}/health`).then(
        (answer) => answer.ok,
        () => false,
      ))
    ) {
      if (child.exitCode !== null || Date.now() > deadline) {
        child.kill('SIGKILL');
        throw new Error('the S3 server did not start');
      }
      await sleep(20);
    }
    return { child, ended };
  };
  let server = await launch();
  const kill = async () => {
    server.child.kill('SIGKILL');
    await server.ended;
  };
  if (!existsSync(join(data, bucket))) await client.send(new CreateBucketCommand({ Bucket: bucket }));
  const putPolicy = async () => {
    const statements = [...users].map(([user, allowed]) => ({
      Effect: 'Allow',
      Principal: { AWS: [user] },
      Action: allowed,
      Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
    }));
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: statements });
    await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  };

  return {
    endpoint,
    bucket,
    objects: join(data, bucket),
    root,
    get pid() {
      return server.child.pid as number;
    },
    async keys(prefix = '') {
      const entries = await readdir(join(data, bucket), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(join(data, bucket).length + 1))
        .filter((key) => key.startsWith(prefix) && !key.startsWith('.sgwtmp'))
        .sort();
    },
    async user(name, actions) {
      const key = { accessKeyId: name, secretAccessKey: `${name}-s3cret-key` };
      const admin = [
        'admin',
        '--access',
        root.accessKeyId,
        '--secret',
        root.secretAccessKey,
        '--region',
        region,
      ];
      const account = ['--access', name, '--secret', key.secretAccessKey, '--role', 'user'];
      await run(program, [...admin, '--endpoint-url', endpoint, 'create-user', ...account]);
      users.set(name, actions);
      await putPolicy();
      return key;
    },
    async forbid(name) {
      users.delete(name);
      await putPolicy();
    },
    env(options = {}) {
      const key = options.key ?? root;
      return {
        AWS_ACCESS_KEY_ID: key.accessKeyId,
        AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
        CANARDSTACK_S3_ENDPOINT: options.endpoint ?? endpoint,
        CANARDSTACK_S3_REGION: region,
      };
    },
    kill,
    async start() {
      server = await launch();
    },
    async stop() {
      client.destroy();
      await kill();
      if (kept === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
