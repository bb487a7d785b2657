import type { FastifyPluginAsync } from 'fastify';
import { datadogLogs } from './datadog/logs.js';
import { elasticsearch } from './elasticsearch/bulk.js';
import { receiveBy, type HttpProtocol, type HttpReceiverOptions } from './http.js';
import { journaldUpload } from './journald/upload.js';
import { jsonLinesInsert } from './json-lines/insert.js';
import { lokiPush } from './loki/push.js';
import { otlpHttp } from './otlp/http.js';
import { remoteWrite } from './prometheus/remote-write.js';
import { splunkCollector } from './splunk/hec.js';
import { zipkinSpans } from './zipkin/spans.js';

const protocols: readonly HttpProtocol[] = [
  remoteWrite,
  lokiPush,
  elasticsearch,
  jsonLinesInsert,
  zipkinSpans,
  datadogLogs,
  splunkCollector,
  journaldUpload,
];

/** Every protocol that comes over HTTP. */
export function httpReceivers(options: HttpReceiverOptions): FastifyPluginAsync[] {
  return [otlpHttp(options), ...protocols.map((protocol) => receiveBy(protocol, options))];
}
