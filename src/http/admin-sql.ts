import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { readOnlySql } from '../lake/index.js';
import { clientSignal } from '../query/server/http.js';
import type { AdminDeps } from './admin-deps.js';
import { HttpError } from './errors.js';

const bodySchema = z.object({
  sql: z.string().min(1).max(1_000_000),
  maxRows: z.number().int().min(1).optional(),
});

export function mountSql(app: FastifyInstance, deps: AdminDeps): void {
  app.post('/api/admin/sql', async (request, reply) => {
    const parsed = bodySchema.safeParse(request.body);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const field = issue?.path.join('.') || 'the body';
      throw new HttpError(
        400,
        'bad_data',
        `${field}: ${issue?.message ?? 'is not valid'}; expected {"sql": "SELECT ...", "maxRows": 1000}`,
      );
    }
    const { sql, maxRows } = parsed.data;
    const limit = deps.guard.limits.maxRows;
    if (maxRows !== undefined && maxRows > limit) {
      throw new HttpError(400, 'bad_data', `maxRows: ${maxRows} is above the limit of ${limit}`);
    }
    return await deps.guard.run('sql', clientSignal(request, reply), ({ session }) =>
      readOnlySql(session, sql, { maxRows: maxRows ?? limit }),
    );
  });
}
