import type { Catalog } from '../catalog/index.js';
import type { EffectiveConfig } from '../config/index.js';
import { asLakeError } from '../duckdb/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { LakeInstance } from './instance.js';
import { ensureNameMaps } from './name-maps.js';
import { refuseNewFile, refuseOverData } from './ownership.js';
import { ensureSchema, hasTables } from './schema.js';

/**
 * Makes a local catalog file, or brings it to this release's tables and views, and closes it again, before it is
 * served: only here are those changes transactions. The caller owns the file. Throws LakeError as `openLake` does.
 */
export async function prepareCatalog(options: {
  readonly catalog: Catalog;
  readonly config: EffectiveConfig;
  readonly extensionDir: string;
  readonly telemetry: Telemetry;
}): Promise<void> {
  const { catalog, config, extensionDir, telemetry } = options;
  await refuseNewFile(catalog, config);
  // Tables get their place for inlined rows when they are made, and a client can't make that in one transaction.
  const dataInliningRowLimit = Math.max(1, config.dataInliningRowLimit);
  const instance = { catalog, config, extensionDir, dataInliningRowLimit, telemetry, readOnly: false };
  try {
    await LakeInstance.using(instance, async (connection) => {
      if (!(await hasTables(connection))) await refuseOverData(catalog, config);
      await ensureSchema(connection, config);
      await ensureNameMaps(connection);
    });
  } catch (error) {
    throw asLakeError(error);
  }
}
