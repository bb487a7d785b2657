import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { firstLine } from '../duckdb/index.js';
import type { CatalogMaintenance } from '../recovery/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { HttpError } from './errors.js';

export interface CatalogAdminDeps {
  readonly catalogMaintenance: Pick<
    CatalogMaintenance,
    'status' | 'backup' | 'verify' | 'backupAge' | 'files' | 'snapshots' | 'listed'
  >;
  readonly telemetry: Telemetry;
}

const verifyBody = z
  .strictObject({
    repair: z.boolean().default(false),
    deep: z.boolean().default(false),
    minAgeSecs: z.number().nonnegative().optional(),
  })
  .default({ repair: false, deep: false });

/** /api/admin/catalog: what the catalog is and who owns it; backup and check, which may take minutes. */
export function mountCatalog(
  app: FastifyInstance,
  { catalogMaintenance, telemetry }: CatalogAdminDeps,
): void {
  const base = '/api/admin/catalog';
  const answered = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      telemetry.log.error({ err: firstLine(error), what }, 'a catalog request failed');
      throw new HttpError(503, 'unavailable', `${what} failed: ${firstLine(error)}`);
    }
  };

  app.get(base, () => answered('status', () => catalogMaintenance.status()));

  app.get(`${base}/files`, () =>
    answered('files', async () => ({ files: await catalogMaintenance.files() })),
  );
  app.get(`${base}/snapshots`, () =>
    answered('snapshots', async () => ({ snapshots: await catalogMaintenance.snapshots() })),
  );
  app.get(`${base}/backups`, () =>
    answered('backups', async () => ({ backups: await catalogMaintenance.listed() })),
  );

  app.post(`${base}/backup`, () => answered('backup', () => catalogMaintenance.backup()));

  app.post(`${base}/verify`, async (request) => {
    const body = verifyBody.safeParse(request.body ?? undefined);
    if (!body.success) {
      const [issue] = body.error.issues;
      throw new HttpError(
        400,
        'bad_data',
        `${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'not valid'}`,
      );
    }
    const { repair, deep, minAgeSecs } = body.data;
    const minAge = minAgeSecs === undefined ? {} : { minAgeMs: minAgeSecs * 1000 };
    return answered('verify', () => catalogMaintenance.verify({ repair, deep, ...minAge }));
  });
}
