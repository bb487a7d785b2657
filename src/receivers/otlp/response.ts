import type { PayloadFormat, Signal } from '../../schema/index.js';
import { intField, lengthField, message } from '../../grpc/protobuf.js';

const rejectedField: Record<Signal, string> = {
  logs: 'rejectedLogRecords',
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
};

const emptyProtobuf = Buffer.alloc(0);
const emptyJson = Buffer.from('{}');

/**
 * ExportLogsServiceResponse, ExportTraceServiceResponse or ExportMetricsServiceResponse; the three differ in
 * names only. `rejected` records were not kept, for `reason`; with none, `reason` is a warning, or empty.
 */
export function encodeResponse(
  signal: Signal,
  format: PayloadFormat,
  rejected: number,
  reason: string,
): Buffer {
  if (rejected === 0 && reason === '') return format === 'json' ? emptyJson : emptyProtobuf;
  if (format === 'protobuf') {
    return message(lengthField(1, message(intField(1, rejected), lengthField(2, reason))));
  }
  // Protobuf's JSON mapping writes int64 as a string.
  const partialSuccess = { [rejectedField[signal]]: String(rejected), errorMessage: reason };
  return Buffer.from(JSON.stringify({ partialSuccess }));
}
