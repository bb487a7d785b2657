import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { giveBack, type SetAsideRecord, type Spool } from '../spool/index.js';
import { SpoolFullError, SpoolUnavailableError } from '../spool/types.js';
import type { Pipeline } from '../seal/index.js';
import { HttpError } from './errors.js';

export interface SpoolAdminDeps {
  readonly spool: Spool;
  readonly pipeline: Pick<Pipeline, 'sealer'>;
}

/** How long an answer waits for the commit of what was put back. */
const commitWaitMs = 10_000;

const body = z.strictObject({
  names: z.array(z.string()).max(10_000).optional(),
  all: z.boolean().default(false),
  dryRun: z.boolean().default(false),
});

/** What became of a record that was put back. */
type RetryOutcome = 'committed' | 'waiting' | 'set_aside_again';

/** /api/admin/spool: the records that are set aside; puts them back into their streams, or deletes them. */
export function mountSpool(app: FastifyInstance, { spool, pipeline }: SpoolAdminDeps): void {
  const base = '/api/admin/spool';

  app.get(base, async () => ({ records: await spool.setAside.list() }));

  app.post(`${base}/retry`, async (request) => {
    const { records, dryRun } = await wanted(spool, request.body);
    if (dryRun) return { dryRun, records };
    const given = await refused(() => giveBack(spool, records));
    const outcomes = await settled(spool, pipeline, given);
    return { dryRun, records: given.map((each, i) => ({ ...each, outcome: outcomes[i] })) };
  });

  app.post(`${base}/remove`, async (request) => {
    const { records, dryRun } = await wanted(spool, request.body);
    if (!dryRun) for (const { name } of records) await spool.setAside.remove(name);
    return { dryRun, records };
  });
}

async function wanted(
  spool: Spool,
  given: unknown,
): Promise<{ records: readonly SetAsideRecord[]; dryRun: boolean }> {
  const parsed = body.safeParse(given ?? {});
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new HttpError(
      400,
      'bad_data',
      `${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'bad'}`,
    );
  }
  const { names = [], all, dryRun } = parsed.data;
  if (all === names.length > 0) throw new HttpError(400, 'bad_data', 'give either names or "all": true');
  const records = await spool.setAside.list();
  if (all) return { records, dryRun };
  const unknown = names.find((name) => !records.some((record) => record.name === name));
  if (unknown !== undefined)
    throw new HttpError(404, 'not_found', `${JSON.stringify(unknown)} is not among what is set aside`);
  return { records: records.filter(({ name }) => names.includes(name)), dryRun };
}

async function refused<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SpoolFullError || error instanceof SpoolUnavailableError)
      throw new HttpError(503, 'unavailable', error.message);
    throw error;
  }
}

async function settled(
  spool: Spool,
  { sealer }: Pick<Pipeline, 'sealer'>,
  given: readonly { stream: string; start: number; end: number }[],
): Promise<RetryOutcome[]> {
  const backlogOf = (stream: string) => sealer.backlogs.find((backlog) => backlog.stream.id === stream);
  const done = (each: { stream: string; end: number }) =>
    (backlogOf(each.stream)?.committed ?? 0) >= each.end;
  const deadline = performance.now() + commitWaitMs;
  while (!given.every(done) && performance.now() < deadline) await sleep(50);
  const again = await spool.setAside.list();
  return given.map((each) => {
    const signal = each.stream.slice(each.stream.indexOf('/') + 1);
    if (again.some((record) => record.signal === signal && record.start === each.start))
      return 'set_aside_again';
    return done(each) ? 'committed' : 'waiting';
  });
}
