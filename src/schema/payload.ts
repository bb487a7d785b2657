import type { Signal } from './tables.js';

export type PayloadFormat = 'protobuf' | 'json';
export type ContentEncoding = 'identity' | 'gzip' | 'deflate' | 'zstd';

/**
 * One export request as it came from the wire, with all that decoding needs, so that decoding it again
 * after a crash gives the same rows whatever the settings are by then.
 */
export interface Payload {
  readonly format: PayloadFormat;
  readonly encoding: ContentEncoding;
  /** Wall clock at receipt, nanoseconds since the epoch. */
  readonly receivedAtNs: bigint;
  /** Records before this time are rejected as too late; nanoseconds since the epoch. */
  readonly minTimeNs: bigint;
  /** Records after this time are rejected as too far ahead; nanoseconds since the epoch. */
  readonly maxTimeNs: bigint;
  /** As received, still encoded. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What became of one payload of a decoded group. */
export type PayloadResult =
  | {
      readonly ok: true;
      readonly rows: number;
      /** Rejected records (OTLP partial success) and why, a sentence for the client. */
      readonly rejected: number;
      readonly reason: string;
      /** Decompressed size in bytes. */
      readonly decodedBytes: number;
    }
  | {
      readonly ok: false;
      readonly code: 'malformed' | 'too_large' | 'unsupported_encoding';
      readonly message: string;
    };

export interface StreamId {
  readonly nodeId: string;
  readonly signal: Signal;
}
