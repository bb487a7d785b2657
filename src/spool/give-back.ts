import type { SetAsideRecord } from './set-aside.js';
import { SpoolUnavailableError, type Spool, type SpoolRange } from './types.js';

/** A record put back into its stream, and where it lies there now. */
export interface GivenBack extends SpoolRange {
  readonly name: string;
  readonly stream: string;
}

/**
 * Puts records that are set aside back at the head of their streams, so that they are decoded and committed as any other.
 * Rejects with SpoolUnavailableError at the first that can't be put back; those before it are in their streams.
 */
export async function giveBack(spool: Spool, records: readonly SetAsideRecord[]): Promise<GivenBack[]> {
  const given: GivenBack[] = [];
  for (const { name, signal, start, end } of records) {
    const stream = spool.stream(signal);
    // It would be set aside a second time, from where it lay.
    if (spool.attempts.isSuspect({ stream: stream.id, start, end }))
      throw new SpoolUnavailableError(`${name} is being set aside at this moment: start the server first`);
    given.push({ name, stream: stream.id, ...(await stream.takeBack(name)) });
  }
  return given;
}
