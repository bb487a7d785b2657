/**
 * The package's public surface: what `import ... from "canardstack"` gives. Everything else may change with any version.
 *
 * Importing it changes nothing in the process. The executable also sets `UV_THREADPOOL_SIZE` to 32 before anything is
 * loaded (DuckDB's calls and fsyncs share libuv's threads): an embedder does that in its own environment.
 */
import { startServer as startNode, type RunningServer } from './cli/server/index.js';
import type { Config } from './config/index.js';

export { ConfigError, readConfigFile, resolveConfig } from './config/index.js';
export type { Config, ConfigInputs, ResolvedConfig, SettingDef, SettingName } from './config/index.js';
export { settingDef, settingNames } from './config/index.js';
export { LakeError } from './lake/index.js';
export { version } from './cli/version.js';
export type { RunningServer };

/**
 * Starts one node, as `canardstack serve` does: resolves when it listens. It installs no signal handlers: the caller calls
 * `close()`, which drains within `shutdownTimeoutMs`, and ends the process when `lost` resolves.
 *
 * Throws Error for an address that needs a key, LakeError when the catalog can't be opened or another process
 * owns it, and the system's error when a port is taken.
 */
export function startServer(config: Config): Promise<RunningServer> {
  return startNode(config);
}
