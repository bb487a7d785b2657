import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Official clients check it. */
export const productHeaders = { 'x-elastic-product': 'Elasticsearch' } as const;

/** One whose clients of 7, 8 and 9 send what is taken here. */
const version = '8.17.0';

const info = {
  name: 'canardstack',
  cluster_name: 'canardstack',
  cluster_uuid: 'canardstack',
  version: {
    number: version,
    build_flavor: 'default',
    build_type: 'docker',
    build_hash: 'unknown',
    build_date: '2024-12-01T00:00:00.000Z',
    build_snapshot: false,
    lucene_version: '9.12.0',
    minimum_wire_compatibility_version: '7.17.0',
    minimum_index_compatibility_version: '7.0.0',
  },
  tagline: 'You Know, for Search',
};

const license = {
  license: {
    status: 'active',
    uid: 'canardstack',
    type: 'basic',
    issue_date: '2024-01-01T00:00:00.000Z',
    issue_date_in_millis: 1_704_067_200_000,
    max_nodes: 1000,
    max_resource_units: null,
    issued_to: 'canardstack',
    issuer: 'elasticsearch',
    start_date_in_millis: -1,
  },
};

const health = { cluster_name: 'canardstack', status: 'green', timed_out: false, number_of_nodes: 1 };
const nodes = {
  nodes: { canardstack: { name: 'canardstack', version, roles: ['data', 'ingest', 'master'] } },
};

/** By their first name, what clients ask about the cluster; there is nothing to set up, so the answer to all else is that it is. */
const known: ReadonlyMap<string, object> = new Map<string, object>([
  ['_license', license],
  ['_xpack', { license: { type: 'basic', mode: 'basic', status: 'active' }, features: {} }],
  ['_cluster', health],
  ['_nodes', nodes],
  ['_cat', []],
]);

/** Templates, policies, pipelines and the like: there are none to keep, and clients go on when they are acknowledged. */
const acknowledged = { acknowledged: true };
const setUp: ReadonlySet<string> = new Set(
  `_index_template _component_template _template _ilm _slm _ingest _alias _aliases _data_stream _security _scripts _settings _mapping
   _cluster _xpack _license _snapshot _transform _enrich _ml _watcher _refresh _flush _rollover _logstash`.split(
    /\s+/,
  ),
);

/**
 * What Filebeat, Logstash, Fluent Bit, Vector and the official clients ask before they send: version, license, health, nodes; and what
 * they set up: templates, lifecycle policies, pipelines, aliases, indices.
 */
export function answerQuestions(scope: FastifyInstance, prefixes: readonly string[]): void {
  for (const prefix of prefixes) {
    for (const url of [prefix, `${prefix}/`]) {
      scope.route({
        method: ['GET', 'HEAD'],
        url,
        exposeHeadRoute: false,
        handler: (_request, reply) => say(reply, info),
      });
    }
    scope.route({
      method: ['GET', 'HEAD', 'PUT', 'POST'],
      url: `${prefix}/*`,
      exposeHeadRoute: false,
      handler: (request, reply) => answer(request, reply),
    });
  }
}

function answer(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { '*': path = '' } = request.params as { '*'?: string };
  const [first = ''] = path.split('/');
  // Its body need not be read, and Node drops it.
  if (request.method === 'HEAD') return say(reply, {});
  const found = known.get(first);
  if (found !== undefined) return say(reply, found);
  if (setUp.has(first)) return say(reply, request.method === 'GET' ? {} : acknowledged);
  if (first.startsWith('_') && request.method === 'GET' && !first.startsWith('_search'))
    return say(reply, {});
  const [, second = ''] = path.split('/');
  if (!first.startsWith('_') && setUp.has(second)) return say(reply, acknowledged);
  if (request.method === 'PUT' && !first.startsWith('_') && second === '')
    return say(reply, { ...acknowledged, index: path });
  const cause = {
    type: 'illegal_argument_exception',
    reason: 'only bulk and document requests are taken here',
  };
  return reply
    .code(400)
    .headers(productHeaders)
    .send({ error: { root_cause: [cause], ...cause }, status: 400 });
}

function say(reply: FastifyReply, value: object): FastifyReply {
  return reply.headers(productHeaders).send(value);
}
