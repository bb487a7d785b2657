import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { encodings, frame, readMessage, type ReadLimits, type ReadResult } from './message.js';
import { status, type Status } from './status.js';

/** Names end in `-bin` where values are bytes. */
export type CallMetadata = Readonly<Record<string, string | Uint8Array>>;

const responseHead = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': [...encodings.keys()].join(','),
};

/**
 * One call on the server's side: a request of one message, an answer of any number, and a status. It ends by `end`,
 * by its deadline, or when the client leaves; what comes after the first of them does nothing.
 */
export class GrpcCall {
  /** Aborted when the call ended otherwise than by `end`. */
  readonly signal: AbortSignal;
  readonly #abort = new AbortController();
  readonly #deadline: NodeJS.Timeout | undefined;
  #outcome: Status | null = null;
  #answering = false;

  constructor(
    private readonly stream: ServerHttp2Stream,
    private readonly headers: IncomingHttpHeaders,
  ) {
    this.signal = this.#abort.signal;
    stream.on('error', ignore);
    stream.once('close', () => this.#left());
    const ms = timeoutMs(this.header('grpc-timeout'));
    if (ms === null) return;
    this.#deadline = setTimeout(() => {
      this.end(status.DEADLINE_EXCEEDED, 'the deadline passed before the answer was there');
      this.#abort.abort();
    }, ms);
  }

  header(name: string): string | undefined {
    const value = this.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** The message of the request. */
  message(limits: ReadLimits): Promise<ReadResult> {
    return readMessage(this.stream, this.header('grpc-encoding'), limits);
  }

  /** Sends a message of the answer; resolves when more may be sent. */
  async write(message: Uint8Array): Promise<void> {
    if (this.#outcome !== null) return;
    this.#respond();
    if (this.stream.write(frame(message))) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.stream.off('drain', done).off('close', done);
        resolve();
      };
      this.stream.on('drain', done).on('close', done);
    });
  }

  /** Ends the call. Returns the status that it had already, if it had ended. */
  end(code: Status, message = '', metadata: CallMetadata = {}): Status {
    return this.#end(code, null, message, metadata);
  }

  /** Ends the call with the only message of its answer and OK. */
  reply(message: Uint8Array): Status {
    return this.#end(status.OK, message, '', {});
  }

  #end(code: Status, reply: Uint8Array | null, message: string, metadata: CallMetadata): Status {
    if (this.#outcome !== null) return this.#outcome;
    this.#outcome = code;
    clearTimeout(this.#deadline);
    const { stream } = this;
    if (stream.destroyed || stream.closed) return code;
    const trailers: Record<string, string> = { 'grpc-status': String(code) };
    if (message !== '') trailers['grpc-message'] = percentEncoded(message);
    for (const [name, value] of Object.entries(metadata)) {
      trailers[name] = typeof value === 'string' ? value : Buffer.from(value).toString('base64');
    }
    if (this.#answering || reply !== null) {
      this.#respond();
      stream.once('wantTrailers', () => stream.sendTrailers(trailers));
      if (reply === null) stream.end();
      else stream.end(frame(reply));
    } else stream.respond({ ...responseHead, ...trailers }, { endStream: true });
    // The rest of a request that is answered early is not wanted (RFC 9113, section 8.1).
    if (!stream.readableEnded && !stream.endAfterHeaders) {
      stream.resume();
      stream.close(constants.NGHTTP2_NO_ERROR);
    }
    return code;
  }

  #respond(): void {
    if (this.#answering) return;
    this.#answering = true;
    this.stream.respond(responseHead, { waitForTrailers: true });
  }

  #left(): void {
    if (this.#outcome !== null) return;
    this.#outcome = status.CANCELLED;
    clearTimeout(this.#deadline);
    this.#abort.abort();
  }
}

function ignore(): void {}

const unitMs = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1000],
  ['m', 1],
  ['u', 1e-3],
  ['n', 1e-6],
]);

/** The longest time that a timer takes. */
const maxTimerMs = 2 ** 31 - 1;

/** `grpc-timeout` in milliseconds; null when there is none, or it can't be read, which gRPC's servers ignore. */
function timeoutMs(header: string | undefined): number | null {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(header ?? '') ?? [];
  if (digits === undefined) return null;
  return Math.min(maxTimerMs, Math.ceil(Number(digits) * (unitMs.get(unit ?? '') ?? 1)));
}

/** gRPC over HTTP/2, "Percent-Encoded". */
function percentEncoded(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    if (byte >= 0x20 && byte <= 0x7e && byte !== 0x25) encoded += String.fromCharCode(byte);
    else encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
