import type { Signal } from './signals.js';

/**
 * Hot attributes stored as physical columns beside the JSON text, so filters on them prune.
 * `keys` are tried in order: the stable OpenTelemetry semantic-convention name first, then older names.
 */
export interface PromotedAttribute {
  readonly column: string;
  readonly from: 'resource' | 'record';
  readonly keys: readonly string[];
}

const resource: PromotedAttribute[] = [
  {
    column: 'deployment_environment_name',
    from: 'resource',
    keys: ['deployment.environment.name', 'deployment.environment'],
  },
  { column: 'k8s_namespace_name', from: 'resource', keys: ['k8s.namespace.name'] },
  { column: 'k8s_pod_name', from: 'resource', keys: ['k8s.pod.name'] },
  { column: 'k8s_container_name', from: 'resource', keys: ['k8s.container.name'] },
  { column: 'host_name', from: 'resource', keys: ['host.name'] },
];

const span: PromotedAttribute[] = [
  { column: 'http_request_method', from: 'record', keys: ['http.request.method', 'http.method'] },
  { column: 'http_route', from: 'record', keys: ['http.route'] },
  {
    column: 'http_response_status_code',
    from: 'record',
    keys: ['http.response.status_code', 'http.status_code'],
  },
  { column: 'db_system_name', from: 'record', keys: ['db.system.name', 'db.system'] },
  { column: 'rpc_service', from: 'record', keys: ['rpc.service'] },
  { column: 'rpc_method', from: 'record', keys: ['rpc.method'] },
  { column: 'messaging_system', from: 'record', keys: ['messaging.system'] },
  { column: 'error_type', from: 'record', keys: ['error.type'] },
];

export function promotedColumns(signal: Signal): readonly PromotedAttribute[] {
  return signal === 'traces' ? [...resource, ...span] : resource;
}
