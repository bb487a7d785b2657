import type { FastifyInstance, FastifyRequest } from 'fastify';
import { jsonAnswer } from '../text.js';
import type { Answer } from '../http.js';

const mostBytes = 1024 * 1024;
let given = 0;

/** The channel that a request names; undefined when it names none. */
export function channelOf(request: FastifyRequest): string | undefined {
  const header = request.headers['x-splunk-request-channel'];
  const { channel = header } = request.query as { channel?: unknown };
  return typeof channel === 'string' && channel !== '' ? channel : undefined;
}

/** The identifier of an acknowledgement that may be asked for. */
export function acknowledgement(): number {
  return given++;
}

/**
 * Splunk's POST /services/collector/ack. An identifier is given out when the request that it stands for is durable, so every one that is
 * asked for is acknowledged, also one of the process before.
 */
export function answerAcknowledgements(scope: FastifyInstance): void {
  void scope.register(async (own) => {
    own.removeAllContentTypeParsers();
    own.addContentTypeParser('*', { parseAs: 'string', bodyLimit: mostBytes }, (_request, body, done) =>
      done(null, body),
    );
    for (const url of ['/services/collector/ack', '/services/collector/ack/1.0']) {
      own.post(url, (request, reply) => {
        const { status, headers = {}, body } = answerTo(request);
        return reply.code(status).headers(headers).send(body);
      });
    }
  });
}

function answerTo(request: FastifyRequest): Answer {
  if (channelOf(request) === undefined) {
    return jsonAnswer(400, { text: 'Data channel is missing', code: 10 });
  }
  const acks = acksIn(request.body);
  if (acks === null) return jsonAnswer(400, { text: 'Invalid data format', code: 6 });
  return jsonAnswer(200, { acks: Object.fromEntries(acks.map((id) => [String(id), true])) });
}

function acksIn(body: unknown): number[] | null {
  let value: unknown;
  try {
    value = JSON.parse(String(body));
  } catch {
    return null;
  }
  const { acks } = (value ?? {}) as { acks?: unknown };
  if (!Array.isArray(acks)) return null;
  const ids = (acks as unknown[]).filter((id) => Number.isSafeInteger(id) && Number(id) >= 0);
  return ids.length === acks.length ? (ids as number[]) : null;
}
