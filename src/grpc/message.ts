import type { ServerHttp2Stream } from 'node:http2';
import type { ContentEncoding } from '../schema/index.js';

/** Bytes that messages being read may take together. */
interface ByteBudget {
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export interface ReadLimits {
  /** Of the message as sent, so compressed if it is. */
  readonly maxBytes: number;
  /** From now to the end of the message. */
  readonly timeoutMs: number;
  readonly budget?: ByteBudget;
  /** Memory for a message of that many bytes; every byte is written before anyone sees it. */
  readonly room?: (bytes: number) => Uint8Array;
  /** Takes the memory back when the message does not come whole. */
  readonly release?: (memory: Uint8Array) => void;
}

export type ReadResult =
  | { readonly kind: 'complete'; readonly body: Uint8Array; readonly encoding: ContentEncoding }
  /** The client went away, or the deadline passed. */
  | { readonly kind: 'aborted' }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'timeout' }
  /** The budget is used up. */
  | { readonly kind: 'no_room' }
  /** `grpc-encoding` names something that is not in `encodings`. */
  | { readonly kind: 'unsupported_encoding' }
  /** Not one message in gRPC's framing; `why` is for the client. */
  | { readonly kind: 'malformed'; readonly why: string };

/** What a message may be compressed with, by its name in `grpc-encoding`. */
export const encodings: ReadonlyMap<string, ContentEncoding> = new Map([
  ['identity', 'identity'],
  ['gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['zstd', 'zstd'],
  ['snappy', 'snappy'],
]);

const prefixBytes = 5;

/**
 * Reads the one message of a unary or server-streaming request (gRPC over HTTP/2, "Length-Prefixed-Message") into
 * memory of its own, still compressed. What is too large is known from its prefix and not read. Never rejects.
 */
export function readMessage(
  stream: ServerHttp2Stream,
  grpcEncoding: string | undefined,
  limits: ReadLimits,
): Promise<ReadResult> {
  return new Promise((resolve) => new MessageReader(stream, grpcEncoding, limits, resolve).begin());
}

class MessageReader {
  readonly #prefix = Buffer.allocUnsafe(prefixBytes);
  #prefixed = 0;
  #body: Uint8Array | null = null;
  #filled = 0;
  #encoding: ContentEncoding = 'identity';
  #timer: NodeJS.Timeout | undefined;
  #done = false;

  constructor(
    private readonly stream: ServerHttp2Stream,
    private readonly grpcEncoding: string | undefined,
    private readonly limits: ReadLimits,
    private readonly resolve: (result: ReadResult) => void,
  ) {}

  begin(): void {
    if (this.stream.destroyed) return this.#finish({ kind: 'aborted' });
    this.#timer = setTimeout(() => this.#finish({ kind: 'timeout' }), this.limits.timeoutMs);
    this.stream.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
  }

  readonly #onData = (chunk: Buffer): void => {
    let at = 0;
    if (this.#prefixed < prefixBytes) {
      at = Math.min(prefixBytes - this.#prefixed, chunk.length);
      chunk.copy(this.#prefix, this.#prefixed, 0, at);
      this.#prefixed += at;
      if (this.#prefixed < prefixBytes) return;
      const problem = this.#open();
      if (problem) return this.#finish(problem);
    }
    const body = this.#body as Uint8Array;
    if (chunk.length - at > body.length - this.#filled) {
      return this.#finish({ kind: 'malformed', why: 'the request holds more than one message' });
    }
    body.set(at === 0 ? chunk : chunk.subarray(at), this.#filled);
    this.#filled += chunk.length - at;
  };

  /** Reads the prefix and takes memory; what is wrong, or null. */
  #open(): ReadResult | null {
    const flag = this.#prefix[0];
    if (flag !== 0 && flag !== 1) return { kind: 'malformed', why: `the message's first byte is ${flag}` };
    if (flag === 1) {
      const encoding = encodings.get(this.grpcEncoding ?? 'identity');
      if (encoding === undefined) return { kind: 'unsupported_encoding' };
      if (encoding === 'identity') {
        return {
          kind: 'malformed',
          why: 'the message is marked compressed, but grpc-encoding does not say how',
        };
      }
      this.#encoding = encoding;
    }
    const length = this.#prefix.readUInt32BE(1);
    if (length > this.limits.maxBytes) return { kind: 'too_large' };
    if (this.limits.budget?.take(length) === false) return { kind: 'no_room' };
    this.#body = this.limits.room?.(length) ?? new Uint8Array(length);
    return null;
  }

  readonly #onEnd = (): void => {
    const { stream } = this;
    const body = this.#body;
    // A stream that was cut ends too.
    if (stream.aborted || stream.rstCode !== 0) return this.#finish({ kind: 'aborted' });
    if (body === null || this.#filled < body.length) {
      const why = this.#prefixed === 0 ? 'the request holds no message' : 'the message ends too early';
      return this.#finish({ kind: 'malformed', why });
    }
    this.#finish({ kind: 'complete', body, encoding: this.#encoding });
  };

  readonly #onClose = (): void => this.#finish({ kind: 'aborted' });

  #finish(result: ReadResult): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#timer);
    this.stream.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    if (this.#body !== null) {
      this.limits.budget?.give(this.#body.length);
      if (result.kind !== 'complete') this.limits.release?.(this.#body);
    }
    this.resolve(result);
  }
}

/** A message with its prefix, not compressed. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}
