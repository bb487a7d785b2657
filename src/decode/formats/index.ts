import type { PayloadFormat } from '../../schema/index.js';
import { PayloadError } from '../errors.js';
import { datadogJson, splunkHec } from './agents.js';
import { elasticsearchBulk, elasticsearchDocument } from './elasticsearch.js';
import type { Format } from './format.js';
import { journald } from './journald.js';
import { jsonLinesFormat } from './json-lines.js';
import { lokiJson, lokiProtobuf } from './loki.js';
import { otlpJson, otlpProtobuf } from './otlp.js';
import { remoteWrite1 } from './remote-write-1.js';
import { remoteWrite2 } from './remote-write-2.js';
import { splunkRaw } from './splunk-raw.js';
import { syslog } from './syslog.js';
import { zipkinJson } from './zipkin.js';

export type { Format, Prepared } from './format.js';

/** By the name that the spool keeps with a payload, which therefore never changes. */
const formats: ReadonlyMap<PayloadFormat, Format> = new Map([
  ['protobuf', otlpProtobuf],
  ['json', otlpJson],
  ['remote_write_1', remoteWrite1],
  ['remote_write_2', remoteWrite2],
  ['loki_json', lokiJson],
  ['loki_protobuf', lokiProtobuf],
  ['elasticsearch_bulk', elasticsearchBulk],
  ['elasticsearch_document', elasticsearchDocument],
  ['json_lines', jsonLinesFormat],
  ['zipkin_json', zipkinJson],
  ['datadog_json', datadogJson],
  ['splunk_hec', splunkHec],
  ['splunk_raw', splunkRaw],
  ['syslog', syslog],
  ['journald', journald],
]);

/** Throws PayloadError for one that this version does not know: its payload was spooled by a newer one. */
export function formatNamed(name: PayloadFormat): Format {
  const format = formats.get(name);
  if (format) return format;
  throw new PayloadError('malformed', `the format ${JSON.stringify(name)} is not known to this version`);
}
