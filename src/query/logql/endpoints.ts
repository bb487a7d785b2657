import type { Endpoint, Endpoints, QueryAnswer, QueryRequest } from '../server/endpoint.js';
import { json } from '../server/reply.js';
import type { QueryLimits } from '../server/guard.js';
import { detectedFields, detectedFieldValues } from './api/discovery.js';
import { detectedLabels, labels, labelValues, series } from './api/metadata.js';
import { tailEntries, tailStep } from './api/tail.js';
import { patterns } from './api/patterns.js';
import { legacyLabels, legacyQuery } from './api/legacy.js';
import { objectProtobuf, wantsProtobuf } from './api/protobuf.js';
import { formatQuery, queryInstant, queryRange, type Plan } from './api/queries.js';
import { indexShards, indexStats, indexVolume, indexVolumeRange } from './api/volume.js';
import { newStats } from './exec/context.js';
import { AttributeKeys, KeyHints } from './model/attributes.js';

type Check = (request: QueryRequest, limits: QueryLimits) => Plan;

const checks: readonly (readonly [path: string, check: Check])[] = [
  ['query_range', queryRange],
  ['query', queryInstant],
  ['labels', labels],
  ['label', labels],
  ['label/:name/values', labelValues],
  ['series', series],
  ['index/stats', indexStats],
  ['index/shards', indexShards],
  ['index/volume', indexVolume],
  ['index/volume_range', indexVolumeRange],
  ['detected_labels', detectedLabels],
  ['detected_fields', detectedFields],
  ['detected_field/:name/values', detectedFieldValues],
  ['patterns', patterns],
  ['format_query', formatQuery],
  [tailStep, tailEntries],
  ['/api/prom/query', legacyQuery],
  ['/api/prom/label', legacyLabels],
  ['/api/prom/label/:name/values', legacyLabels],
  ['/api/prom/series', series],
];

/** The endpoints of Loki's HTTP API that read the lake or parse a query, by their path, below /loki/api/v1 without a slash in
 * front. They share `hints`. */
export function logqlEndpoints(hints = new KeyHints()): Endpoints {
  const endpoint =
    (path: string, check: Check): Endpoint =>
    (request, limits) => {
      const plan = check(request, limits);
      return async (ctx) => {
        const answer = await plan({ ...ctx, keys: new AttributeKeys(hints), stats: newStats() });
        if ('body' in answer) return answer as QueryAnswer;
        return (wantsProtobuf(request) ? objectProtobuf(path, answer) : undefined) ?? json(answer);
      };
    };
  return Object.fromEntries(checks.map(([path, check]) => [path, endpoint(path, check)]));
}
