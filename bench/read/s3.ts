import { existsSync } from 'node:fs';
import { copyFile, link, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { literal } from '../../src/duckdb/index.js';
import { startS3, type TestS3 } from '../../test/support/s3.js';

const prefix = 'lake';
const catalogFile = 'canardstack.ducklake';

export interface LakeOnS3 {
  readonly s3: TestS3;
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The lake of `dataDir` once more, its Parquet files as objects of a local S3 server, both kept in `folder`. Call it while no
 * server runs on `dataDir`.
 */
export async function lakeOnS3(dataDir: string, folder: string): Promise<LakeOnS3> {
  const own = join(folder, 'canardstack-s3');
  const s3 = await startS3({ folder: join(folder, 's3') });
  const dataPath = `s3://${s3.bucket}/${prefix}`;
  if (!existsSync(join(own, catalogFile))) {
    await mkdir(own, { recursive: true });
    // Objects are replaced and deleted, never changed, so both lakes may have the same files.
    await linkAll(join(dataDir, 'data'), join(s3.objects, prefix));
    await copyFile(join(dataDir, catalogFile), join(own, catalogFile));
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run(`ATTACH ${literal(join(own, catalogFile))} AS catalog`);
    await connection.run(
      `UPDATE catalog.ducklake_metadata SET value = ${literal(`${dataPath}/`)} WHERE key = 'data_path'`,
    );
    connection.closeSync();
    instance.closeSync();
  }
  return { s3, dataDir: own, env: { ...s3.env(), CANARDSTACK_DUCKLAKE_DATA_PATH: dataPath } };
}

async function linkAll(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const target = join(to, join(entry.parentPath, entry.name).slice(from.length));
    await mkdir(dirname(target), { recursive: true });
    await link(join(entry.parentPath, entry.name), target);
  }
}
