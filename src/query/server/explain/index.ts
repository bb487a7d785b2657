import type { Endpoint, Job, QueryAnswer } from '../endpoint.js';
import type { QueryContext } from '../guard.js';
import { explanationOf, type Explanation } from './explanation.js';
import { NotedSession } from './session.js';
import { explanationText } from './text.js';

export { explainOf } from './asked.js';

/** Evaluates a request. One that asks for it is told how, behind the other members of a JSON answer or in place of any answer. */
export async function evaluate(
  endpoint: Endpoint,
  job: Job,
  ctx: Pick<QueryContext, 'session' | 'limits' | 'signal' | 'alone'>,
): Promise<QueryAnswer> {
  const { request } = job;
  if (!request.explain) return endpoint(request, ctx.limits)(ctx);
  const begun = performance.now();
  const session = new NotedSession(ctx.session, begun);
  const plan = endpoint(request, ctx.limits);
  const parsed = performance.now();
  const answer = await plan({ ...ctx, session });
  const evaluated = performance.now();
  const before = session.waited;
  const explanation = () => {
    const now = performance.now();
    const planned = begun + (session.steps[0]?.startMs ?? evaluated - begun);
    return explanationOf(job, session, {
      parse: parsed - begun,
      plan: Math.max(0, planned - parsed),
      statements: session.waited - session.explained,
      explain: session.explained,
      evaluate: Math.max(0, evaluated - Math.max(planned, parsed) - before),
      render: now - evaluated - (session.waited - before),
      total: now - begun,
    });
  };
  if (request.explain === 'json') return withMember(answer, explanation);
  for await (const part of partsOf(answer)) void part;
  return { contentType: 'text/plain; charset=utf-8', body: explanationText(explanation()) };
}

/** A JSON object gets one more member; an answer of any other kind stays as it is. */
function withMember(answer: QueryAnswer, explanation: () => Explanation): QueryAnswer {
  if (!answer.contentType.startsWith('application/json') || answer.body instanceof Uint8Array) return answer;
  return { ...answer, body: appended(partsOf(answer), explanation) };
}

async function* appended(
  parts: AsyncIterable<string>,
  explanation: () => Explanation,
): AsyncGenerator<string> {
  // The end of the object waits for the last member.
  let held = '';
  for await (const part of parts) {
    const text = held + part;
    held = text.slice(-2);
    if (text.length > 2) yield text.slice(0, -2);
  }
  if (!held.endsWith('}')) {
    yield held;
    return;
  }
  const separator = held === '{}' ? '' : ',';
  yield `${held.slice(0, -1)}${separator}"explain":${JSON.stringify(explanation())}}`;
}

async function* partsOf({ body }: QueryAnswer): AsyncGenerator<string> {
  if (typeof body === 'string') yield body;
  else if (body instanceof Uint8Array) return;
  else for await (const part of body) yield String(part);
}
