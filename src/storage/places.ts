import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigError } from '../config/errors.js';
import { settingFolder } from '../config/folders.js';
import type { EffectiveConfig } from '../config/effective.js';
import { StorageError } from './errors.js';
import { isLocalUrl, s3Target } from './target.js';

/**
 * Looks, before anything is opened that takes time, whether what settings name can be used: folders, which are made, object-store
 * URLs, and files. Throws ConfigError with the first setting that names something else.
 */
export async function checkPlaces(config: EffectiveConfig): Promise<void> {
  await settingFolder('CANARDSTACK_DATA_DIR', config.dataDir);
  if (config.postgresDsn === undefined && config.ducklakeAttachUri === undefined) {
    const setting = 'CANARDSTACK_DUCKLAKE_CATALOG_PATH';
    await settingFolder(setting, dirname(config.ducklakeCatalogPath));
    const found = await stat(config.ducklakeCatalogPath).catch(() => null);
    if (found?.isDirectory() === true)
      throw new ConfigError([`${setting}: ${config.ducklakeCatalogPath} is a folder, not a file`]);
  }
  await settingFolder('CANARDSTACK_DUCKDB_EXTENSION_DIR', config.duckdbExtensionDir, 'read');
  await place('CANARDSTACK_DUCKLAKE_DATA_PATH', config.ducklakeDataPath, config);
  if (config.catalogBackupPath !== undefined)
    await place('CANARDSTACK_CATALOG_BACKUP_PATH', config.catalogBackupPath, config);
  if (config.ducklakeQuackCaFile !== undefined) await certificates(config.ducklakeQuackCaFile);
}

async function place(setting: string, url: string, config: EffectiveConfig): Promise<void> {
  if (isLocalUrl(url)) return settingFolder(setting, url);
  try {
    s3Target(url, config);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    const named = error.target === url ? `${setting}: ` : '';
    throw new ConfigError([`${named}${error.message.replace(/^open /, '')}`]);
  }
}

async function certificates(file: string): Promise<void> {
  const setting = 'CANARDSTACK_DUCKLAKE_QUACK_CA_FILE';
  try {
    new X509Certificate(await readFile(file));
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    const why =
      code.startsWith('E') && !code.startsWith('ERR_') ? `cannot be read (${code})` : 'holds no certificate';
    throw new ConfigError([`${setting}: ${file} ${why}`]);
  }
}
