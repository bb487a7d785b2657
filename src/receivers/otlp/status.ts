import type { PayloadFormat } from '../../schema/index.js';
import { intField, lengthField, message } from '../../grpc/protobuf.js';
import type { Failure } from '../failure.js';

/** google.rpc.Status in the request's own format (OTLP/HTTP, "Failures"). */
export function encodeStatus(failure: Failure, format: PayloadFormat): Buffer {
  if (format === 'json') return Buffer.from(JSON.stringify({ code: failure.grpc, message: failure.message }));
  return message(intField(1, failure.grpc), lengthField(2, failure.message));
}

/** google.rpc.Status with a RetryInfo detail, the value of grpc-status-details-bin (OTLP/gRPC, "Throttling"). */
export function encodeRetryDetails(failure: Failure, retryAfterSeconds: number): Buffer {
  const seconds = Math.floor(retryAfterSeconds);
  const nanos = Math.round((retryAfterSeconds - seconds) * 1e9);
  const delay = message(intField(1, seconds), intField(2, nanos));
  const retryInfo = lengthField(1, delay);
  const detail = message(
    lengthField(1, 'type.googleapis.com/google.rpc.RetryInfo'),
    lengthField(2, retryInfo),
  );
  return message(encodeStatus(failure, 'protobuf'), lengthField(3, detail));
}
