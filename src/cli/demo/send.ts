import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, type Client } from '../client.js';
import { CommandError } from '../errors.js';

const attempts = 30;

/** Posts an export, again when the server says it can't take it now. Throws CommandError when it refuses for good. */
export async function exportTo(
  client: Client,
  key: string | undefined,
  path: string,
  body: object,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const response = await client.call(path, { body, key, timeoutMs: 60_000 });
    if (response.status === 200) return;
    if (![429, 502, 503, 504].includes(response.status) || attempt === attempts) {
      throw new CommandError(`${client.url}${path}: ${errorMessage(response)}`);
    }
    await sleep(1000);
  }
}
