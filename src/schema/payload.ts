/**
 * What a body is written in: the name of a format that `decode/formats` knows. `protobuf` and `json` are OTLP's two
 * encodings, which older spools know by number.
 */
export type PayloadFormat = string;
export type PayloadErrorCode = 'malformed' | 'too_large' | 'unsupported_encoding';
export type ContentEncoding = 'identity' | 'gzip' | 'deflate' | 'zstd' | 'snappy';

/** What a request and a record of it may become. In force at receipt and kept with the payload. */
export interface DecodeLimits {
  /** Bytes of the request after decompression. */
  readonly maxDecodedBodyBytes: number;
  /** Log records, spans or data points of a request. */
  readonly maxRequestRecords: number;
  /** Bytes that the rows of a request take together: text, columns, lists. */
  readonly maxRequestRowBytes: number;
  /** Bytes of text (JSON included) that one record becomes. */
  readonly maxRecordBytes: number;
  /** Attributes, array values, map entries, events, links, exemplars, buckets, bounds and quantiles of one record. */
  readonly maxRecordElements: number;
}

export const defaultDecodeLimits: DecodeLimits = {
  maxDecodedBodyBytes: 64 * 1024 * 1024,
  maxRequestRecords: 500_000,
  maxRequestRowBytes: 256 * 1024 * 1024,
  maxRecordBytes: 16 * 1024 * 1024,
  maxRecordElements: 65_536,
};

/**
 * One export request as it came from the wire, with all that decoding needs, so that decoding it again
 * after a crash gives the same rows whatever the settings are by then.
 */
export interface Payload {
  readonly format: PayloadFormat;
  /** What the request said beside its body, as the format has it (a query string, mostly); at most 4,096 bytes. */
  readonly parameters?: string;
  readonly encoding: ContentEncoding;
  /** Wall clock at receipt, nanoseconds since the epoch. */
  readonly receivedAtNs: bigint;
  /** Records before this time are rejected as too late; nanoseconds since the epoch. */
  readonly minTimeNs: bigint;
  /** Records after this time are rejected as too far ahead; nanoseconds since the epoch. */
  readonly maxTimeNs: bigint;
  /** Absent in payloads received before limits were kept with them. */
  readonly limits?: DecodeLimits;
  /** As received, still encoded; alone in its memory but for what the spool keeps with it. */
  readonly body: Uint8Array;
}

/** Why single records are not kept while the rest of their request is. */
export type RejectionReason =
  'too_old' | 'too_far_ahead' | 'malformed' | 'too_many_elements' | 'too_many_bytes';

/** Records rejected, by reason. */
export type RejectionCounts = Readonly<Partial<Record<RejectionReason, number>>>;

/** Records of one service that were rejected for one reason. */
export interface RejectedRecords {
  /** `service.name`; '' when there is none. */
  readonly service: string;
  readonly reason: RejectionReason;
  readonly count: number;
  /** What is wrong with one of them, for people. */
  readonly example: string;
}

/** Optional identifiers that a record may go without. */
export type IdField = 'trace_id' | 'span_id' | 'parent_span_id' | 'exemplar' | 'link';
export type DroppedIds = Readonly<Partial<Record<IdField, number>>>;

/** What was kept of one payload, and what was not. */
export interface KeptRecords {
  readonly rows: number;
  /** Rejected records (OTLP partial success) and why, a sentence for the client. */
  readonly rejected: number;
  readonly reason: string;
  /** `rejected` by reason; absent when it is 0. */
  readonly rejections?: RejectionCounts;
  /** The same by service too, for the operator. */
  readonly rejectedRecords?: readonly RejectedRecords[];
  /** What was likely not meant so, though nothing is rejected; for client and operator. */
  readonly warning?: string;
  /** Malformed optional identifiers that records were kept without; `warning` names them too. */
  readonly droppedIds?: DroppedIds;
  /** What else its format tells those who answer, by name; see the format. */
  readonly notes?: PayloadNotes;
}

export type PayloadNotes = Readonly<Record<string, number | string>>;

/** What became of one payload of a decoded group. */
export type PayloadResult =
  | (KeptRecords & {
      readonly ok: true;
      /** Decompressed size in bytes. */
      readonly decodedBytes: number;
    })
  | {
      readonly ok: false;
      readonly code: PayloadErrorCode;
      readonly message: string;
    };
