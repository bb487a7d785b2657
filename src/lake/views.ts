/**
 * Views for people: any DuckDB shell that attaches the lake sees them. Names are unqualified, so that they
 * work whatever alias the lake is attached under.
 */

export interface ViewDef {
  readonly name: string;
  readonly sql: string;
}

/** SeverityNumber ranges, OpenTelemetry logs data model. */
const severityLevel = `CASE
  WHEN severity_number BETWEEN 1 AND 4 THEN 'TRACE'
  WHEN severity_number BETWEEN 5 AND 8 THEN 'DEBUG'
  WHEN severity_number BETWEEN 9 AND 12 THEN 'INFO'
  WHEN severity_number BETWEEN 13 AND 16 THEN 'WARN'
  WHEN severity_number BETWEEN 17 AND 20 THEN 'ERROR'
  WHEN severity_number BETWEEN 21 AND 24 THEN 'FATAL'
  ELSE upper(coalesce(severity_text, nullif(detected_level, 'unknown'))) END`;

/** Span.SpanKind and Status.StatusCode of opentelemetry-proto v1. */
const kindName = `CASE span_kind
  WHEN 1 THEN 'internal' WHEN 2 THEN 'server' WHEN 3 THEN 'client' WHEN 4 THEN 'producer' WHEN 5 THEN 'consumer'
  ELSE 'unspecified' END`;
const statusName = `CASE status_code WHEN 1 THEN 'ok' WHEN 2 THEN 'error' ELSE 'unset' END`;

const temporality = `CASE aggregation_temporality WHEN 1 THEN 'delta' WHEN 2 THEN 'cumulative' ELSE NULL END`;

const metricColumns = `timestamp, metric_name, prometheus_name, metric_unit`;
const metricResource = `service_name, service_namespace, service_instance_id, metric_attributes, resource_attributes,
  deployment_environment_name, time_unix_nano`;

export const views: readonly ViewDef[] = [
  {
    name: 'v_logs',
    sql: `SELECT timestamp, ${severityLevel} AS level, service_name, body, trace_id, span_id, log_attributes,
      resource_attributes, scope_name, event_name, severity_number, severity_text, service_namespace,
      service_instance_id, deployment_environment_name, k8s_namespace_name, k8s_pod_name, k8s_container_name,
      host_name, time_unix_nano, ingested_at
      FROM logs`,
  },
  {
    name: 'v_spans',
    sql: `SELECT timestamp, trace_id, span_id, parent_span_id, service_name, span_name,
      ${kindName} AS kind, ${statusName} AS status, coalesce(status_code = 2, false) AS is_error, status_message,
      duration_nano / 1e6 AS duration_ms, parent_span_id IS NULL AS is_root, http_request_method, http_route,
      http_response_status_code, db_system_name, rpc_service, rpc_method, messaging_system, error_type,
      span_attributes, resource_attributes, events_json, links_json, scope_name, service_namespace,
      service_instance_id, deployment_environment_name, k8s_namespace_name, k8s_pod_name, k8s_container_name,
      host_name, start_time_unix_nano, end_time_unix_nano, duration_nano, ingested_at
      FROM spans`,
  },
  {
    name: 'v_traces',
    sql: `SELECT trace_id, min(timestamp) AS started_at, count(*) AS spans,
      count(*) FILTER (WHERE status_code = 2) AS errors,
      (max(end_time_unix_nano) - min(start_time_unix_nano)) / 1e6 AS duration_ms,
      any_value(service_name) FILTER (WHERE parent_span_id IS NULL) AS root_service,
      any_value(span_name) FILTER (WHERE parent_span_id IS NULL) AS root_name
      FROM spans GROUP BY trace_id`,
  },
  {
    name: 'v_metrics',
    sql: `SELECT ${metricColumns}, 'gauge' AS kind, coalesce(value, value_int) AS value,
        NULL::VARCHAR AS temporality, NULL::BOOLEAN AS is_monotonic, ${metricResource}
      FROM metric_gauge
      UNION ALL
      SELECT ${metricColumns}, 'sum', coalesce(value, value_int), ${temporality}, is_monotonic, ${metricResource}
      FROM metric_sum`,
  },
  {
    name: 'v_histograms',
    sql: `SELECT ${metricColumns}, count, sum, sum / nullif(count, 0) AS mean, min, max, bucket_counts,
        explicit_bounds, ${temporality} AS temporality, ${metricResource}
      FROM metric_histogram`,
  },
  {
    name: 'v_errors',
    sql: `SELECT timestamp, 'log' AS signal, service_name, body AS message, event_name AS name, trace_id, span_id,
        log_attributes AS attributes, resource_attributes
      FROM logs WHERE severity_number >= 17
      UNION ALL
      SELECT timestamp, 'span', service_name, status_message, span_name, trace_id, span_id, span_attributes,
        resource_attributes
      FROM spans WHERE status_code = 2`,
  },
  {
    name: 'v_services',
    sql: `SELECT service_name, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
        sum(row_count) FILTER (WHERE signal = 'logs') AS logs,
        sum(row_count) FILTER (WHERE signal = 'traces') AS spans,
        sum(row_count) FILTER (WHERE signal = 'metrics') AS metric_points
      FROM metadata_summary WHERE kind = 'label_value' AND name = 'service_name' GROUP BY service_name`,
  },
];
