/** Faults of the disk and the clock. Each returns a line for the report and throws when the promise is broken. */
import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { metricSum } from '../../test/support/metrics.js';
import { eventually, startServer, temporaryFolder } from '../../test/support/server.js';
import { settled, startSettled } from './epoch.js';
import { assertExact, verify } from './verify.js';
import { paced, Workload } from './workload.js';

/** Nothing is committed, so all acknowledged bytes are in the spool alone. */
const noSealing = { CANARDSTACK_SEAL_INTERVAL_MS: '3600000', CANARDSTACK_FRESHNESS_BUDGET_SLA_SECS: '7200' };

export const canMount = process.platform === 'linux' && process.getuid?.() === 0;

const acknowledged = (workload: Workload, more: number) => {
  const enough = workload.acked + more;
  return eventually(() => Promise.resolve(workload.acked >= enough ? true : undefined));
};

async function loaded(dataDir: string, name: string, env: Record<string, string>) {
  const server = await startServer({ dataDir, env });
  const workload = new Workload(name);
  workload.start(server.url);
  await acknowledged(workload, 100);
  return { server, workload };
}

async function newestSegment(dataDir: string, signal: string): Promise<string> {
  const folder = join(dataDir, 'spool', signal);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.seg')).sort();
  return join(folder, names.at(-1) ?? '');
}

export async function tornTail(): Promise<string> {
  const dataDir = await temporaryFolder();
  const { server, workload } = await loaded(dataDir, 'torn', noSealing);
  await server.kill();
  await workload.stop();
  // Half a record, as a power cut leaves it.
  await appendFile(await newestSegment(dataDir, 'logs'), Buffer.alloc(137, 0xa5));
  const again = await startSettled(dataDir);
  try {
    assertExact(await verify(again, 'torn', workload.sent), 'torn tail');
    const counted = await metricSum(again, 'canardstack_spool_torn_tails_total');
    if (counted < 1) throw new Error('the torn tail was not counted');
  } finally {
    await again.stop();
  }
  return `torn tail: ${workload.acked} acknowledged requests, all there once, the tail counted`;
}

export async function flippedByte(): Promise<string> {
  const dataDir = await temporaryFolder();
  const { server, workload } = await loaded(dataDir, 'flip', noSealing);
  await server.kill();
  await workload.stop();
  const file = await open(await newestSegment(dataDir, 'logs'), 'r+');
  const { size } = await file.stat();
  const at = Math.floor(size / 2);
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 0x40;
  await file.write(byte, 0, 1, at);
  await file.close();
  const again = await startSettled(dataDir);
  try {
    const verdict = await verify(again, 'flip', workload.sent);
    if (verdict.missing.length > 1 || verdict.duplicated.length + verdict.torn.length > 0) {
      throw new Error(`flipped byte: more than its own record was lost: ${JSON.stringify(verdict)}`);
    }
    const damaged = await metricSum(again, 'canardstack_spool_damaged_stretches_total');
    const kept = await readdir(join(dataDir, 'spool', 'damaged'));
    if (damaged < 1 || kept.length < 1)
      throw new Error('the damage was not counted, or its bytes were not kept');
    return `flipped byte: ${verdict.acknowledged} acknowledged requests, ${verdict.missing.length} damaged, set aside and counted`;
  } finally {
    await again.stop();
  }
}

function tmpfs(folder: string, options: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
}

export async function diskFull(): Promise<string> {
  const dataDir = await temporaryFolder();
  const spool = join(dataDir, 'spool');
  await mkdir(spool);
  tmpfs(spool, 'size=3m');
  try {
    const { server, workload } = await loaded(dataDir, 'full', {
      ...noSealing,
      CANARDSTACK_RAW_SPOOL_SEGMENT_BYTES: '262144',
    });
    await eventually(async () => (workload.refused > 20 ? true : undefined));
    const whileFull = workload.acked;
    execFileSync('mount', ['-o', 'remount,size=64m', spool]);
    await eventually(async () => (workload.acked > whileFull + 20 ? true : undefined));
    await workload.stop();
    await server.kill();
    const again = await startSettled(dataDir);
    try {
      assertExact(await verify(again, 'full', workload.sent), 'disk full');
    } finally {
      await again.stop();
    }
    return `disk full: ${whileFull} acknowledged before, ${workload.refused} refused, ${workload.acked - whileFull} acknowledged after space returned; all there once`;
  } finally {
    execFileSync('umount', ['-l', spool]);
  }
}

export async function readOnlyFolder(): Promise<string> {
  const dataDir = await temporaryFolder();
  tmpfs(dataDir, 'size=1m,ro');
  try {
    const server = await startServer({ dataDir, waitReady: false });
    const { code } = await server.exited;
    const log = await server.logs();
    if (code === 0 || !log.includes(dataDir) || /\n\s+at /.test(log)) {
      throw new Error(`read-only folder: exit ${code}, ${log}`);
    }
    return `read-only data folder: refused to start with exit code ${code}, naming the folder`;
  } finally {
    execFileSync('umount', ['-l', dataDir]);
  }
}

/** The server's wall clock jumps two hours ahead and back again (by SIGUSR2), under load. */
export async function clockJump(): Promise<string> {
  const dataDir = await temporaryFolder();
  const preload = fileURLToPath(new URL('clock.js', import.meta.url));
  const server = await startServer({
    dataDir,
    nodeArgs: ['--import', preload],
    env: { CANARDSTACK_ACCEPT_FUTURE_SECS: '100000' },
  });
  const workload = new Workload('clock', paced);
  workload.start(server.url);
  for (let i = 0; i < 2; i++) {
    await acknowledged(workload, 100);
    process.kill(server.pid, 'SIGUSR2');
  }
  await acknowledged(workload, 100);
  await workload.stop();
  await settled(server);
  await server.kill();
  const again = await startSettled(dataDir);
  try {
    assertExact(await verify(again, 'clock', workload.sent), 'clock jump');
  } finally {
    await again.stop();
  }
  return `clock jump of 2 h and back: ${workload.acked} acknowledged requests, all there once`;
}
