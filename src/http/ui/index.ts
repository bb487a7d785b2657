import { open } from 'node:fs/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Counter, type Telemetry } from '../../telemetry/index.js';
import { HttpError } from '../errors.js';
import { builtUi, chosenEncoding, currentFiles, type UiFile } from './files.js';
import { assertOwnPage, assertSameOrigin, sessionCookie, type Sessions } from './sessions.js';

export { Sessions } from './sessions.js';

const securityHeaders = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

const notBuilt = 'The web pages are not built. In a checkout: npm run build:ui\n';

/** The web UI: `/` and `/ui/…` are its pages, `/ui/assets/…` its files, `/ui/session` who is signed in. */
export async function mountUi(
  app: FastifyInstance,
  sessions: Sessions,
  telemetry: Telemetry,
  folder = builtUi,
): Promise<void> {
  const files = await currentFiles(folder);
  const page = async (request: FastifyRequest, reply: FastifyReply) => {
    const file = (await files()).get('index.html');
    if (file) return send(file, request, reply);
    return reply.code(503).headers(securityHeaders).type('text/plain; charset=utf-8').send(notBuilt);
  };
  app.get('/', page);
  app.get('/ui', page);
  app.get('/ui/*', async (request, reply) => {
    const name = (request.params as { '*': string })['*'];
    const file = name === 'index.html' ? undefined : (await files()).get(name);
    if (file) return send(file, request, reply);
    // A page's path has no dots; a file that is not there must not look like one.
    if (/^assets\/|\.[a-z0-9]+$/i.test(name)) {
      reply.callNotFound();
      return reply;
    }
    return page(request, reply);
  });
  mountSession(app, sessions, telemetry);
}

async function send(file: UiFile, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const encoding = chosenEncoding(file, request.headers['accept-encoding']);
  const etag = `"${file.etag}-${encoding}"`;
  void reply.headers({
    ...securityHeaders,
    etag,
    vary: 'accept-encoding',
    'cache-control': file.hashed ? 'public, max-age=31536000, immutable' : 'no-cache',
  });
  if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
  const opened = await open(file.paths.get(encoding) ?? '').catch(() => null);
  // A build that is under way took it.
  if (opened === null) {
    reply.header('cache-control', 'no-store').callNotFound();
    return reply;
  }
  if (encoding !== 'identity') void reply.header('content-encoding', encoding);
  return reply.type(file.type).send(opened.createReadStream());
}

/** Whether If-None-Match has the tag (RFC 9110, section 13.1.2). */
function matches(header: string | undefined, etag: string): boolean {
  const tags = (header ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}

const signInBody = z.object({ key: z.string().min(1).max(4096) });

function mountSession(app: FastifyInstance, sessions: Sessions, telemetry: Telemetry): void {
  const signIns = new Counter({
    name: 'canardstack_ui_sign_ins_total',
    help: 'Attempts to sign in to the web pages, by outcome.',
    labelNames: ['outcome'],
    registers: [telemetry.registry],
  });
  const status = (request: FastifyRequest, signedIn = sessions.of(request)) => ({
    keyNeeded: sessions.asked,
    role: signedIn?.role ?? null,
    csrf: signedIn?.csrf ?? null,
  });
  app.get('/ui/session', (request, reply) => {
    return reply.headers(privateAnswer).send(status(request));
  });
  app.post('/ui/session', { bodyLimit: 16_384 }, (request, reply) => {
    assertSameOrigin(request);
    const body = signInBody.safeParse(request.body);
    if (!body.success) throw new HttpError(400, 'bad_data', 'expected {"key": "…"}, at most 4096 characters');
    let opened: ReturnType<Sessions['signIn']>;
    try {
      opened = sessions.signIn(request.ip, body.data.key);
    } catch (error) {
      signIns.inc({ outcome: 'limited' });
      throw error;
    }
    const outcome = opened ? 'ok' : 'wrong_key';
    signIns.inc({ outcome });
    telemetry.log[opened ? 'info' : 'warn'](
      { outcome, role: opened?.session.role, address: request.ip },
      'sign-in',
    );
    if (!opened) throw new HttpError(401, 'unauthenticated', 'the API key is not valid');
    return reply
      .headers({ ...privateAnswer, 'set-cookie': sessionCookie(opened.value, isSecure(request)) })
      .send(status(request, opened.session));
  });
  app.delete('/ui/session', (request, reply) => {
    const session = sessions.of(request);
    if (session) assertOwnPage(request, session);
    sessions.signOut(request);
    if (session) telemetry.log.info({ role: session.role, address: request.ip }, 'sign-out');
    return reply
      .headers({ ...privateAnswer, 'set-cookie': sessionCookie(null, isSecure(request)) })
      .send(status(request, null));
  });
}

const privateAnswer = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/** Also behind a proxy that ends TLS; a lie only keeps the liar's own cookie from plain HTTP. */
function isSecure(request: FastifyRequest): boolean {
  return request.protocol === 'https' || request.headers['x-forwarded-proto'] === 'https';
}
