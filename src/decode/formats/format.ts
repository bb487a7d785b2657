import type { DecodeLimits, PayloadNotes, RejectionReason, Signal } from '../../schema/index.js';
import type { PayloadContext } from '../batch/context.js';
import type { IgnoredFields } from '../json/ignored.js';

/** A payload as a format gets it, decompressed. */
export interface Given {
  readonly signal: Signal;
  readonly body: Uint8Array;
  /** What the request said beside its body; '' for nothing. */
  readonly parameters: string;
  readonly receivedAtNs: bigint;
  readonly limits: DecodeLimits;
  /** Told of memory before it is taken; given back once the payload is decoded. */
  readonly take: (bytes: number) => void;
  readonly ignored: IgnoredFields;
}

export interface Prepared {
  /** The payload as an export request of its signal, in OTLP's protobuf. */
  readonly request: Uint8Array;
  /** Records that are not in it, each with a sentence that follows the number and the noun. */
  readonly rejected?: readonly { readonly reason: RejectionReason; readonly sentence: string }[];
  /** What the answer needs to know of the body. */
  readonly notes?: PayloadNotes;
}

/**
 * One way to write payloads. Each becomes an export request of OTLP in protobuf, which one decoder turns into columns under one
 * set of limits; so what a format makes of its body has to be bounded (`WireBounds`), and the same each time.
 */
export interface Format {
  /** What the column `source_format` says of its rows. */
  readonly column: string;
  /** Names of metrics are Prometheus' own. */
  readonly prometheusNames?: boolean;
  /** Throws PayloadError when nothing of the payload can be kept. */
  prepare(given: Given): Prepared;
  /** What became of the payload, for those who answer. */
  notes?(prepared: Prepared, context: PayloadContext): PayloadNotes;
}
