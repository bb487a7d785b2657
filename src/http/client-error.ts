import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ErrorBody } from './errors.js';

/** Answers what Node's HTTP parser or its timeouts refused, before any request exists; then closes. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  // Writing in the middle of an answer already begun would garble it.
  const begun = (socket as Socket & { _httpMessage?: { headersSent?: boolean } })._httpMessage?.headersSent;
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable || begun) {
    socket.destroy();
    return;
  }
  const [status, message] = describe(error.code);
  const body: ErrorBody = { error: { code: 'bad_request', message } };
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  // The peer may never close its side.
  setTimeout(() => socket.destroy(), 1000).unref();
}

function describe(code: string | undefined): [number, string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return [431, 'the request headers are too large'];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [408, 'the request did not arrive in time'];
    default:
      return [400, 'this is not a valid HTTP request'];
  }
}
