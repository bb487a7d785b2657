import { randomUUID } from 'node:crypto';
import { StorageError } from './errors.js';
import type { Storage } from './types.js';

/** What each step needs on Amazon S3; other stores have the same under other names. */
const permissions = {
  write: 's3:PutObject on the prefix',
  list: 's3:ListBucket on the bucket, for keys below the prefix',
  'list the bare prefix':
    's3:ListBucket on the bucket, for the prefix itself as well as for what is below it',
  read: 's3:GetObject on the prefix',
  delete: 's3:DeleteObject on the prefix',
} as const;

/**
 * Writes, lists (the bare prefix as well), reads and deletes one object. Throws StorageError of the first step that
 * fails; when it was denied the message names the permission that is missing.
 */
export async function probeStorage(storage: Storage): Promise<void> {
  const folder = '.canardstack-probe';
  const key = `${folder}/${randomUUID()}`;
  const body = Buffer.from(`canardstack ${key}`);
  const step = async (name: keyof typeof permissions, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      throw explained(storage, name, error);
    }
  };
  const wrong = (name: string, reason: string) =>
    new StorageError('unavailable', name, storage.url + key, reason);
  await step('write', () => storage.put(key, body));
  try {
    await step('list', async () => {
      for await (const found of storage.list(`${folder}/`)) if (found.key === key) return;
      throw wrong('list', 'the object just written is not listed');
    });
    await step('list the bare prefix', () => storage.checkListable());
    await step('read', async () => {
      if (!(await storage.get(key)).equals(body))
        throw wrong('read', 'the object just written reads differently');
    });
  } catch (error) {
    await storage.delete(key).catch(() => undefined);
    throw error;
  }
  await step('delete', () => storage.delete(key));
}

function explained(storage: Storage, step: keyof typeof permissions, error: unknown): unknown {
  if (!(error instanceof StorageError) || error.kind !== 'denied') return error;
  const missing = storage.isLocal ? 'permission of the file system' : permissions[step];
  return new StorageError(
    'denied',
    step,
    storage.url,
    `not permitted; missing: ${missing} (${error.message})`,
    {
      cause: error,
    },
  );
}
