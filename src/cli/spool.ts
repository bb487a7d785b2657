import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { effective, type Config } from '../config/index.js';
import { peekServices } from '../decode/index.js';
import { listDamage, type DamagedStretch } from '../spool/damage.js';
import {
  giveBack,
  listSetAside,
  openSpool,
  readSetAside,
  SpoolFullError,
  SpoolOpenError,
  SpoolUnavailableError,
  type SetAsideRecord,
  type Spool,
} from '../spool/index.js';
import { createTelemetry } from '../telemetry/index.js';
import type { Payload } from '../schema/index.js';
import { askAdmin } from './client.js';
import { CommandError } from './errors.js';

export interface SpoolContents {
  readonly folder: string;
  readonly setAside: readonly SetAsideRecord[];
  /** Bytes that hold no valid record; they can be looked at, not tried again. */
  readonly damaged: readonly DamagedStretch[];
}

export interface ShownRecord extends SetAsideRecord {
  /** At most 20; null when they can't be told. */
  readonly services: readonly string[] | null;
  /** The file, for other tools. */
  readonly path: string;
}

export interface Changed {
  readonly dryRun: boolean;
  readonly records: readonly (SetAsideRecord | RetriedRecord)[];
}

interface RetriedRecord {
  readonly name: string;
  /** What became of it; `waiting`: it is in the spool, durable, and not committed yet. */
  readonly outcome: 'committed' | 'waiting' | 'set_aside_again';
}

/** Which records: by name, or all. */
export interface Choice {
  readonly names: readonly string[];
  readonly all: boolean;
  readonly dryRun: boolean;
}

function spoolFolder(config: Config): string {
  return join(config.dataDir, 'spool');
}

function setAsideFolder(config: Config): string {
  return join(spoolFolder(config), 'poison');
}

export async function list(config: Config): Promise<SpoolContents> {
  const folder = spoolFolder(config);
  await access(folder).catch(() => {
    throw new CommandError(`there is no spool in ${folder} (CANARDSTACK_DATA_DIR)`);
  });
  return {
    folder,
    setAside: await listSetAside(setAsideFolder(config)),
    damaged: await listDamage(join(folder, 'damaged')),
  };
}

async function found(config: Config, name: string): Promise<{ record: SetAsideRecord; payload: Payload }> {
  const kept = await readSetAside(setAsideFolder(config), name);
  if (kept) return kept;
  throw new CommandError(
    `${JSON.stringify(name)} is not among what is set aside in ${setAsideFolder(config)}: "canardstack spool list" names them`,
  );
}

export async function show(config: Config, name: string): Promise<ShownRecord> {
  const { record, payload } = await found(config, name);
  const services = await peekServices(record.signal, payload, effective(config).maxDecodedBodyBytes);
  return { ...record, services, path: join(setAsideFolder(config), name) };
}

/** The body as it was received. */
export async function body(
  config: Config,
  name: string,
): Promise<{ bytes: Uint8Array; record: SetAsideRecord }> {
  const { record, payload } = await found(config, name);
  return { bytes: payload.body, record };
}

/** By the running server, or in the spool itself when none runs: then they are committed after the next start. */
export async function retry(config: Config, choice: Choice): Promise<Changed> {
  const answer = await fromServer(config, '/retry', choice);
  if (answer !== null) return answer;
  const records = await chosen(config, choice);
  if (choice.dryRun) return { dryRun: true, records };
  const given = await withSpool(config, (spool) => giveBack(spool, records));
  return { dryRun: false, records: given.map(({ name }) => ({ name, outcome: 'waiting' as const })) };
}

export async function remove(config: Config, choice: Choice): Promise<Changed> {
  const answer = await fromServer(config, '/remove', choice);
  if (answer !== null) return answer;
  const records = await chosen(config, choice);
  if (!choice.dryRun) {
    await withSpool(config, async (spool) => {
      for (const { name } of records) await spool.setAside.remove(name);
    });
  }
  return { dryRun: choice.dryRun, records };
}

async function chosen(config: Config, { names, all }: Choice): Promise<SetAsideRecord[]> {
  if (all) return listSetAside(setAsideFolder(config));
  return Promise.all(names.map(async (name) => (await found(config, name)).record));
}

async function withSpool<T>(config: Config, work: (spool: Spool) => Promise<T>): Promise<T> {
  try {
    const spool = await openSpool({
      dir: spoolFolder(config),
      capacityBytes: config.rawSpoolCapacityBytes,
      segmentBytes: config.rawSpoolSegmentBytes,
      groupCommitMs: 0,
      telemetry: createTelemetry('warn'),
    });
    return await work(spool).finally(() => spool.close());
  } catch (error) {
    const known = [SpoolOpenError, SpoolUnavailableError, SpoolFullError];
    if (known.some((kind) => error instanceof kind)) throw new CommandError((error as Error).message);
    throw error;
  }
}

/** Null when no server answers. */
async function fromServer(config: Config, path: string, choice: Choice): Promise<Changed | null> {
  const { names, all, dryRun } = choice;
  const body = all ? { all, dryRun } : { names, dryRun };
  return (await askAdmin(config, `spool${path}`, { body, timeoutMs: 60_000 })) as Changed | null;
}
