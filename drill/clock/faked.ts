import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startServer, type TestServer } from '../../test/support/server.js';

const library =
  process.env['LIBFAKETIME'] ??
  `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketimeMT.so.1`;

/** Why wall clocks can't be faked here, or false. */
export function cannotFakeTime(): string | false {
  return existsSync(library)
    ? false
    : `${library} is not there: apt-get install faketime, or name it by LIBFAKETIME`;
}

/** A wall clock of servers that can be wrong (libfaketime); their monotonic clocks stay right. */
export class FakedClock {
  private constructor(private readonly file: string) {}

  /** One that is right so far; `folder` holds a small file. */
  static async in(folder: string): Promise<FakedClock> {
    const clock = new FakedClock(join(folder, 'offset'));
    await clock.set('+0');
    return clock;
  }

  /** From the right time, as libfaketime writes it: `+400d`, `-2d`, `+0`. Servers that run see it at once. */
  set(offset: string): Promise<void> {
    return writeFile(this.file, `${offset}\n`);
  }

  /** A server with this clock whose maintenance runs all the time. */
  start(dataDir: string, env: Record<string, string> = {}): Promise<TestServer> {
    return startServer({
      dataDir,
      env: {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: this.file,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        DONT_FAKE_MONOTONIC: '1',
        CANARDSTACK_DUCKLAKE_MAINTENANCE_ENABLED: 'true',
        CANARDSTACK_CHECKPOINT_INTERVAL_SECS: '1',
        CANARDSTACK_SNAPSHOT_RETENTION_SECS: '1',
        ...env,
      },
    });
  }
}
