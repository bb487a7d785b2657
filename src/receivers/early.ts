import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';

export interface LingerLimits {
  readonly bytes: number;
  readonly ms: number;
}

/**
 * Answers while the body is still coming, and closes the connection. Closing a socket with unread bytes resets
 * it, and the client would see the reset instead of the answer; so the answer is written whole at once, and the
 * end of it is held back while what still comes is thrown away, within the limits.
 */
export function answerEarly(
  reply: FastifyReply,
  status: number,
  headers: OutgoingHttpHeaders,
  body: Buffer,
  linger: LingerLimits,
): void {
  reply.hijack();
  const { raw: response, request } = reply;
  // Those set before, by CORS for instance, are not sent by a hijacked reply.
  response.writeHead(status, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    ...headers,
    'content-length': body.length,
    connection: 'close',
  });
  response.write(body);

  let left = linger.bytes;
  const finish = () => {
    clearTimeout(timer);
    request.raw.off('data', onData);
    response.end();
  };
  const onData = (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) finish();
  };
  const timer = setTimeout(finish, linger.ms);
  request.raw.on('data', onData).once('end', finish).once('close', finish).on('error', ignore);
  request.raw.resume();
}

function ignore(): void {}
