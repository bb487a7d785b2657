import type { Config, Sources } from '../config/index.js';
import { LakeError } from '../lake/index.js';
import { SpoolInUseError } from '../spool/index.js';
import { createTelemetry } from '../telemetry/index.js';
import { endAtOnce } from './end-at-once.js';
import { CommandError, notOwnerExitCode } from './errors.js';
import { startServer } from './server/index.js';

/** `canardstack serve`: runs until SIGTERM or SIGINT, then drains; a second signal ends it at once. */
export async function serve(config: Config, sources?: Sources): Promise<number> {
  const telemetry = createTelemetry(config.logLevel);
  const server = await startServer(config, telemetry, undefined, sources).catch((error: unknown) => {
    const held = (error instanceof LakeError && error.kind === 'locked') || error instanceof SpoolInUseError;
    if (held) {
      throw new CommandError(error.message, notOwnerExitCode);
    }
    throw error;
  });
  void server.lost.then(async (reason) => {
    telemetry.log.fatal({ reason }, 'this process no longer owns its catalog: it stops');
    await server.abandon(reason).catch(() => undefined);
    // Not by closing the lake: nothing may be written any more. The spool keeps what was acknowledged.
    endAtOnce(notOwnerExitCode);
  });
  const complete = await new Promise<boolean>((resolve, reject) => {
    let stopping = false;
    const stop = () => {
      if (stopping) endAtOnce(1);
      stopping = true;
      server.close().then(resolve, reject);
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
  return complete ? 0 : 1;
}
