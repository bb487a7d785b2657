import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prometheusName, type MetricKind } from './prometheus-name.js';

describe('prometheusName', () => {
  const cases: [string, string, MetricKind, string][] = [
    ['http.server.request.duration', 's', 'other', 'http_server_request_duration_seconds'],
    ['http.server.request.body.size', 'By', 'other', 'http_server_request_body_size_bytes'],
    ['system.cpu.utilization', '1', 'gauge', 'system_cpu_utilization_ratio'],
    ['disk_usage_ratio', '1', 'gauge', 'disk_usage_ratio'],
    ['items', '1', 'counter', 'items_total'],
    ['requests', '{request}', 'counter', 'requests_total'],
    ['requests_total', '', 'counter', 'requests_total'],
    ['total.requests', '', 'counter', 'requests_total'],
    ['room.temperature', 'Cel', 'gauge', 'room_temperature_celsius'],
    ['memory.usage.bytes', 'By', 'gauge', 'memory_usage_bytes'],
    ['speed', 'm/s', 'gauge', 'speed_meters_per_second'],
    ['network.io', 'By/s', 'gauge', 'network_io_bytes_per_second'],
    ['jobs', '1/s', 'gauge', 'jobs_per_second'],
    ['jobs', '{job}/min', 'gauge', 'jobs_per_min'],
    ['jobs_per_second', '1/s', 'gauge', 'jobs_per_second_per_second'],
    ['bytes.per.second', 'By/s', 'gauge', 'bytes_per_second_per_second'],
    ['io', 'By/{operation}', 'gauge', 'io_bytes'],
    ['cpu.time', 's', 'counter', 'cpu_time_seconds_total'],
    ['cpu.load', '%', 'gauge', 'cpu_load_percent'],
    ['queue', 'widgets', 'gauge', 'queue_widgets'],
    ['2xx.responses', '', 'gauge', '_2xx_responses'],
    ['a__b--c', 'x__y', 'gauge', 'a_b_c_x_y'],
    ['rule:rate:5m', '', 'gauge', 'rule:rate:5m'],
    ['naïve', '', 'gauge', 'na_ve'],
    ['@#$', '', 'gauge', ''],
    ['', '', 'counter', 'total'],
  ];
  for (const [name, unit, kind, expected] of cases) {
    it(`${name} [${unit}] ${kind}`, () => assert.equal(prometheusName(name, unit, kind), expected));
  }
});
