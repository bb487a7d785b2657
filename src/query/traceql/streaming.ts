import { gunzipSync, inflateSync } from 'node:zlib';
import { QueryError } from '../../lake/query-error.js';
import { ProtobufReader, status, type GrpcCall, type GrpcHandler, type Status } from '../../grpc/index.js';
import type { ReadResult } from '../../grpc/index.js';
import type { QueryRequest } from '../server/endpoint.js';
import type { ErrorKind } from '../server/errors.js';
import { runJob, type QueryApiDeps } from '../server/http.js';
import { wholeBody } from '../server/reply.js';
import { traceqlEndpoints } from './endpoints.js';
import {
  SentItems,
  SentScopes,
  traceIdOf,
  withProgress,
  type ProgressFields,
  type Sent,
} from './streaming-sent.js';
import { newestOfInstant, newestOfRange, newestOfSeconds } from './streaming-slices.js';

type Endpoint = keyof typeof traceqlEndpoints;
type Params = Readonly<Record<string, string>>;
type Message = ReadonlyMap<number, readonly (bigint | Uint8Array)[]>;

/** A method of the service: its endpoint, how its queries are counted, and its request as that of the endpoint. */
interface Method {
  readonly endpoint: Endpoint;
  readonly counted: string;
  readonly params: (message: Message) => Params;
  /** The newest part of the question, where it is worth an answer of its own before the whole one. */
  readonly newest: (params: Params) => Params | undefined;
  /** What later parts leave out; undefined where each part replaces the one before. */
  readonly sent?: (params: Params) => Sent;
  readonly progress: ProgressFields;
  /** What stands in the path of the HTTP endpoint. */
  readonly path?: (message: Message) => string;
}

/** Of traces in a search that names none, and of tags and their values, as of the endpoints. */
const [defaultLimit, defaultListed] = [20, 5000];

const searching: ProgressFields = { done: 4, of: 5 };
const listing: ProgressFields = { done: 3, of: 2 };
const listed = (params: Params) => Number(params['limit'] || defaultListed);

const tags = { counted: 'tempo_tags', params: tagParams, newest: newestOfSeconds, progress: listing };
const values = {
  counted: 'tempo_tag_values',
  newest: newestOfSeconds,
  sent: (params: Params) => new SentItems(listed(params)),
  progress: listing,
  params: (message: Message) => ({
    ...{ q: text(message, 2), start: number(message, 4), end: number(message, 5), limit: number(message, 6) },
  }),
  path: (message: Message) => `${text(message, 1)}/values`,
};

const methods: Readonly<Record<string, Method>> = {
  Search: {
    endpoint: 'search',
    counted: 'tempo_search',
    params: searchParams,
    newest: newestOfSeconds,
    sent: (params) => new SentItems(Number(params['limit'] || defaultLimit), traceIdOf),
    progress: searching,
  },
  SearchTags: { endpoint: 'tags', ...tags, sent: (params) => new SentItems(listed(params)) },
  SearchTagsV2: { endpoint: 'tags_v2', ...tags, sent: (params) => new SentScopes(listed(params)) },
  SearchTagValues: { endpoint: 'tag_values', ...values },
  SearchTagValuesV2: { endpoint: 'tag_values_v2', ...values },
  MetricsQueryRange: {
    endpoint: 'metrics_range',
    counted: 'tempo_metrics',
    newest: newestOfRange,
    progress: searching,
    params: (message) => ({
      ...metricsParams(message),
      step: number(message, 4) === '' ? '' : `${number(message, 4)}ns`,
      exemplars: number(message, 16),
    }),
  },
  MetricsQueryInstant: {
    endpoint: 'metrics_instant',
    counted: 'tempo_metrics',
    params: metricsParams,
    newest: newestOfInstant,
    progress: searching,
  },
};

/**
 * tempopb.StreamingQuerier, which Grafana asks instead of HTTP when it is told to stream: its messages are those of the HTTP
 * endpoints as protobuf. Of a long range the newest part comes first, in a message of its own; the next has the traces,
 * tags or values that were not in it, or all of metrics. Its queries stand under the same guard.
 */
export function tempoStreaming(deps: QueryApiDeps): ReadonlyMap<string, GrpcHandler> {
  return new Map(
    Object.entries(methods).map(([name, method]): [string, GrpcHandler] => [
      `/tempopb.StreamingQuerier/${name}`,
      (call) => answer(deps, method, call),
    ]),
  );
}

const readLimits = { maxBytes: 1024 * 1024, timeoutMs: 15_000 };

async function answer(deps: QueryApiDeps, method: Method, call: GrpcCall): Promise<void> {
  const read = await call.message(readLimits);
  const body = bodyOf(read);
  if ('code' in body) {
    call.end(body.code, body.message);
    return;
  }
  const ask = async (request: QueryRequest) => {
    const endpoint = traceqlEndpoints[method.endpoint];
    const job = { language: 'traceql', endpoint: method.endpoint, request } as const;
    const found = await runJob(deps, method.counted, endpoint, job, call.signal);
    return wholeBody(found.body);
  };
  try {
    const message = fieldsOf(body.bytes);
    const params = method.params(message);
    const newest = method.newest(params);
    if (!newest) {
      const answer = await ask(requestOf(method, message, params));
      call.reply(withProgress(answer, method.progress, 1, 1));
      return;
    }
    const sent = method.sent?.(params);
    const rest = (answer: Uint8Array) => sent?.rest(answer) ?? answer;
    const first = await ask(requestOf(method, message, newest));
    await call.write(withProgress(rest(first), method.progress, 1, 2));
    const whole = sent?.full ? new Uint8Array() : rest(await ask(requestOf(method, message, params)));
    call.reply(withProgress(whole, method.progress, 2, 2));
  } catch (error) {
    const known = error instanceof QueryError && error.kind !== 'internal';
    if (!known) deps.telemetry.log.error({ err: error, method: method.endpoint }, 'a query failed');
    call.end(
      ...(known
        ? ([codes[error.kind], error.message] as const)
        : ([status.INTERNAL, 'the query failed inside the server'] as const)),
    );
  }
}

const codes: Readonly<Record<ErrorKind, Status>> = {
  bad_data: status.INVALID_ARGUMENT,
  execution: status.INVALID_ARGUMENT,
  unsupported: status.UNIMPLEMENTED,
  limit: status.RESOURCE_EXHAUSTED,
  not_found: status.NOT_FOUND,
  canceled: status.CANCELLED,
  timeout: status.DEADLINE_EXCEEDED,
  busy: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  data_loss: status.DATA_LOSS,
  internal: status.INTERNAL,
};

interface Unread {
  readonly code: Status;
  readonly message: string;
}

function bodyOf(read: ReadResult): { readonly bytes: Uint8Array } | Unread {
  switch (read.kind) {
    case 'complete':
      return decompressed(read.body, read.encoding);
    case 'aborted':
      return { code: status.CANCELLED, message: 'the client went away' };
    case 'timeout':
      return { code: status.DEADLINE_EXCEEDED, message: 'the message did not arrive in time' };
    case 'too_large':
    case 'no_room':
      return {
        code: status.RESOURCE_EXHAUSTED,
        message: `the message is larger than ${readLimits.maxBytes} bytes`,
      };
    case 'unsupported_encoding':
      return unknownEncoding;
    case 'malformed':
      return { code: status.INVALID_ARGUMENT, message: read.why };
  }
}

const unknownEncoding = {
  code: status.UNIMPLEMENTED,
  message: 'grpc-encoding must be gzip, deflate or identity',
};

function decompressed(body: Uint8Array, encoding: string): { readonly bytes: Uint8Array } | Unread {
  const bound = { maxOutputLength: readLimits.maxBytes };
  try {
    if (encoding === 'identity') return { bytes: body };
    if (encoding === 'gzip') return { bytes: gunzipSync(body, bound) };
    return encoding === 'deflate' ? { bytes: inflateSync(body, bound) } : unknownEncoding;
  } catch {
    return { code: status.INVALID_ARGUMENT, message: `the message is not ${encoding}, or too large` };
  }
}

function requestOf(method: Method, message: Message, params: Readonly<Record<string, string>>): QueryRequest {
  const given = Object.entries(params).filter(([, value]) => value !== '');
  return {
    url: `/?${new URLSearchParams(given).toString()}`,
    params: method.path ? { '*': method.path(message) } : {},
    accept: 'application/protobuf',
    encodingFlags: '',
    body: '',
  };
}

function fieldsOf(bytes: Uint8Array): Message {
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  try {
    for (const { number, value } of new ProtobufReader(bytes).fields()) {
      const known = fields.get(number);
      if (known) known.push(value);
      else fields.set(number, [value]);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new QueryError('bad_data', `the request is no message: ${error.message}`);
  }
  return fields;
}

/** Empty where the field is missing or 0, which are the same. */
function number(message: Message, field: number): string {
  const value = message.get(field)?.at(-1);
  return typeof value === 'bigint' && value !== 0n ? String(value) : '';
}

function text(message: Message, field: number): string {
  const value = message.get(field)?.at(-1);
  return value instanceof Uint8Array ? utf8(value) : '';
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** SearchRequest */
function searchParams(message: Message): Record<string, string> {
  const [min, max] = [number(message, 2), number(message, 3)];
  const pairs = (message.get(1) ?? []).flatMap((entry) => {
    if (!(entry instanceof Uint8Array)) return [];
    const pair = fieldsOf(entry);
    return [`${text(pair, 1)}=${JSON.stringify(text(pair, 2))}`];
  });
  return {
    q: text(message, 8),
    tags: pairs.join(' '),
    minDuration: min && `${min}ms`,
    maxDuration: max && `${max}ms`,
    limit: number(message, 4),
    start: number(message, 5),
    end: number(message, 6),
    spss: number(message, 9),
  };
}

/** SearchTagsRequest */
function tagParams(message: Message): Record<string, string> {
  return {
    scope: text(message, 1),
    q: text(message, 2),
    start: number(message, 3),
    end: number(message, 4),
    limit: number(message, 5),
  };
}

/** QueryRangeRequest and QueryInstantRequest, whose times are nanoseconds. */
function metricsParams(message: Message): Record<string, string> {
  return { q: text(message, 1), start: number(message, 2), end: number(message, 3) };
}
