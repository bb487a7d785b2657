import { createHash, timingSafeEqual } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeFolder } from '../config/folders.js';
import { catalogFrom, type Catalog } from '../catalog/index.js';
import { LeaseHeldError, takeCatalog, type CatalogOwnership } from '../catalog/lease/index.js';
import {
  assertCatalogServable,
  CatalogServer,
  catalogServerExtensions,
  startHealth,
} from '../catalog/server/index.js';
import { parseBind } from '../config/address.js';
import { effective, type Config, type EffectiveConfig } from '../config/index.js';
import { defaultExtensionDir, firstLine, installExtensions, LakeError } from '../duckdb/index.js';
import { prepareCatalog } from '../lake/prepare.js';
import { backupPath, CatalogBackups } from '../recovery/index.js';
import { checkPlaces, openStorage, type Storage } from '../storage/index.js';
import { createTelemetry, type Telemetry } from '../telemetry/index.js';
import { processMetrics } from '../telemetry/process.js';
import { endAtOnce } from './end-at-once.js';
import { CommandError, notOwnerExitCode } from './errors.js';
import { version } from './version.js';

/**
 * `canardstack serve-catalog`: owns the catalog file and serves it, until SIGTERM or SIGINT; resolves with the exit
 * code. A second signal ends it at once.
 */
export async function serveCatalog(given: Config): Promise<number> {
  assertCatalogServable(given);
  const config = effective(given);
  if (config.ducklakeAttachUri !== undefined || config.postgresDsn !== undefined) {
    throw new CommandError(
      'serve-catalog owns a catalog file: CANARDSTACK_DUCKLAKE_ATTACH_URI and CANARDSTACK_POSTGRES_DSN are for its nodes',
      2,
    );
  }
  await checkPlaces(config);
  const telemetry = createTelemetry(config.logLevel);
  const { log } = telemetry;
  const state: { waiting: string | null; server: CatalogServer | null; backups: CatalogBackups | null } = {
    waiting: 'starting',
    server: null,
    backups: null,
  };
  const stop = stopSignal();
  processMetrics(telemetry, { version, duckdb: '', ducklake: '' }, () => Promise.resolve(null));
  const health = await startHealth(parseBind(config.catalogHealthBind), telemetry, {
    check: () => state.server?.check() ?? Promise.resolve(state.waiting),
    get notReady() {
      return state.waiting;
    },
    get backups() {
      return tooOld(state.backups);
    },
    backup: async (token) =>
      sameSecret(token, config.ducklakeQuackToken ?? '') ? ((await state.backups?.make()) ?? null) : null,
  });
  let ownership: CatalogOwnership | null = null;
  let backupStorage: Storage | null = null;
  try {
    ownership = await own(config, telemetry, stop.signal, (reason) => (state.waiting = reason));
    state.waiting = 'preparing the catalog';
    const server = await open(config, ownership, telemetry);
    state.server = server;
    backupStorage = openStorage(backupPath(config), config);
    state.backups = backupsOf(server, backupStorage, config, telemetry);
    if (config.ducklakeMaintenanceEnabled) state.backups.start();
    state.waiting = null;
    log.info(
      { listen: config.catalogListen, port: server.port, file: ownership.file, epoch: ownership.epoch },
      'serving the catalog',
    );
    const lost = new Promise<string>((resolve) => ownership?.onLost(resolve));
    const ended = await Promise.race([stop.requested.then(() => null), lost]);
    if (ended !== null) {
      state.waiting = `the catalog is lost: ${ended}`;
      // The file may be another's by now: it is neither checkpointed nor closed.
      server.sever();
      log.fatal({ reason: ended }, 'this process does not own the catalog any more, ending');
      endAtOnce(notOwnerExitCode);
    }
    state.waiting = 'stopping';
    log.info({ withinMs: config.shutdownTimeoutMs }, 'stopping');
    await state.backups?.stop();
    await server.close(config.shutdownTimeoutMs / 2);
    await ownership.release();
    log.info('stopped; the catalog file is whole and its lease released');
    return 0;
  } catch (error) {
    if (stop.signal.aborted && state.server === null) return 0;
    await ownership?.release();
    throw error;
  } finally {
    stop.end();
    backupStorage?.close();
    await health.close();
  }
}

async function own(
  config: EffectiveConfig,
  telemetry: Telemetry,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<CatalogOwnership> {
  try {
    return await takeCatalog(config.ducklakeCatalogPath, {
      leaseSecs: config.catalogLeaseSecs,
      waitMs: config.catalogWaitSecs * 1000,
      ignoreFileLock: config.catalogIgnoreFileLock,
      telemetry,
      onWait,
      signal,
    });
  } catch (error) {
    if (error instanceof LeaseHeldError) throw new LakeError('locked', error.message, { cause: error });
    throw error;
  }
}

async function open(
  config: EffectiveConfig,
  ownership: CatalogOwnership,
  telemetry: Telemetry,
): Promise<CatalogServer> {
  const named = catalogFrom(config);
  const catalog: Catalog = { ...named, file: ownership.file, attachUri: `ducklake:${ownership.file}` };
  const extensionDir = config.duckdbExtensionDir ?? defaultExtensionDir();
  await makeFolder(config.dataDir);
  // What a backup left that was cut short.
  await rm(scratchOf(config), { recursive: true, force: true });
  await installExtensions({
    dir: extensionDir,
    names: [...new Set([...catalog.extensions, ...catalogServerExtensions])],
    log: (line) => telemetry.log.info(line),
  });
  try {
    await prepareCatalog({ catalog, config, extensionDir, telemetry });
    return await CatalogServer.start({
      config,
      ownership,
      extensionDir,
      scratch: scratchOf(config),
      telemetry,
    });
  } catch (error) {
    throw error instanceof LakeError ? error : new Error(firstLine(error), { cause: error });
  }
}

function scratchOf(config: EffectiveConfig): string {
  return join(resolve(config.dataDir), 'tmp', 'backup');
}

/** Only its owner sees one snapshot of the file's tables, whatever the nodes do. */
function backupsOf(
  server: CatalogServer,
  storage: Storage,
  config: EffectiveConfig,
  telemetry: Telemetry,
): CatalogBackups {
  const { dataPath } = catalogFrom(config);
  const scratch = scratchOf(config);
  let last: Promise<unknown> = Promise.resolve();
  return new CatalogBackups({
    config,
    storage,
    telemetry,
    source(work) {
      const made = last.then(() =>
        server.withConnection((connection, metadata) =>
          work({ connection, metadata, scratch, kind: 'local', dataPath }),
        ),
      );
      last = made.catch(() => undefined);
      return made;
    },
  });
}

function tooOld(backups: CatalogBackups | null): string | null {
  const age = backups?.age() ?? null;
  if (age === null || age.ageSeconds <= age.limitSeconds) return null;
  return `the newest good backup of the catalog is ${age.ageSeconds} s old, or there is none`;
}

function sameSecret(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return secret !== '' && timingSafeEqual(digest(given), digest(secret));
}

/** SIGTERM and SIGINT, from now on. */
function stopSignal(): { signal: AbortSignal; requested: Promise<void>; end: () => void } {
  const abort = new AbortController();
  const requested = new Promise<void>((resolve) => {
    abort.signal.addEventListener('abort', () => resolve());
  });
  const stop = () => {
    if (abort.signal.aborted) endAtOnce(1);
    abort.abort();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return {
    signal: abort.signal,
    requested,
    end() {
      process.off('SIGTERM', stop);
      process.off('SIGINT', stop);
    },
  };
}
