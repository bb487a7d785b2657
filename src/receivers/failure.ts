import { status, type Status } from '../grpc/index.js';
import type { PayloadErrorCode } from '../schema/index.js';
import type { IntakeResult, RefusalReason } from '../seal/types.js';

/** An export that did not succeed, in the terms of HTTP and gRPC. */
export interface Failure {
  readonly http: number;
  readonly grpc: Status;
  /** For the client. */
  readonly message: string;
  readonly reason?: RefusalReason;
  /** Set when the request itself is at fault. */
  readonly invalid?: PayloadErrorCode;
  /** Set when sending the same again may succeed. */
  readonly retryAfterSeconds?: number;
  /** HTTP headers beside those that follow from the rest. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The client's fault or the node's passing state: both transports' codes. OTLP names which of them are retried. */
export const refusals: Record<RefusalReason, { http: number; grpc: Status }> = {
  raw_spool_full: { http: 429, grpc: status.RESOURCE_EXHAUSTED },
  queue_full: { http: 429, grpc: status.RESOURCE_EXHAUSTED },
  freshness_budget_exceeded: { http: 429, grpc: status.RESOURCE_EXHAUSTED },
  raw_spool_unavailable: { http: 503, grpc: status.UNAVAILABLE },
  dependency_unhealthy: { http: 503, grpc: status.UNAVAILABLE },
  shutting_down: { http: 503, grpc: status.UNAVAILABLE },
};

/** What is wrong with the request itself. */
export const payloadErrors: Record<PayloadErrorCode, { http: number; grpc: Status }> = {
  malformed: { http: 400, grpc: status.INVALID_ARGUMENT },
  // Without RetryInfo: RESOURCE_EXHAUSTED is then final for OTLP clients.
  too_large: { http: 413, grpc: status.RESOURCE_EXHAUSTED },
  unsupported_encoding: { http: 415, grpc: status.INVALID_ARGUMENT },
};

export function refused(reason: RefusalReason, why: string, retryAfterSeconds: number): Failure {
  return { ...refusals[reason], message: `${reason}: ${why}`, reason, retryAfterSeconds };
}

export function invalid(code: PayloadErrorCode, why: string): Failure {
  return { ...payloadErrors[code], message: why, invalid: code };
}

/** What was sent, before decompression, is over the limit. */
export function tooLarge(what: string, maxBytes: number): Failure {
  return invalid(
    'too_large',
    `the ${what} is larger than the limit of ${maxBytes} bytes (CANARDSTACK_MAX_BODY_BYTES)`,
  );
}

export function failureOf(result: Exclude<IntakeResult, { kind: 'accepted' }>): Failure {
  return result.kind === 'refused'
    ? refused(result.reason, result.message, result.retryAfterSeconds)
    : invalid(result.code, result.message);
}

export const internalFailure: Failure = { http: 500, grpc: status.INTERNAL, message: 'internal error' };

/** The google.rpc.Code for HTTP answers that come from outside this folder. */
export function grpcCodeOf(http: number): Status {
  switch (http) {
    case 401:
      return status.UNAUTHENTICATED;
    case 403:
      return status.PERMISSION_DENIED;
    case 404:
      return status.NOT_FOUND;
    case 405:
      return status.UNIMPLEMENTED;
    case 429:
      return status.RESOURCE_EXHAUSTED;
    case 503:
      return status.UNAVAILABLE;
    default:
      return http < 500 ? status.INVALID_ARGUMENT : status.INTERNAL;
  }
}
