import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { logRow, testLoki, type TestLoki } from '../fixture.test.js';
import { ask } from './ask.test.support.js';

/** Two services with constant counts: cart 2 (one a pod), ad 4 in pod-0. Each is evaluated at one instant. */
const instants: readonly (readonly [query: string, ...series: string[]])[] = [
  ['1 + 2 * 3 ^ 2', '{} 0=19'],
  ['7 % 4 - 10 / 4', '{} 0=0.5'],
  ['1 / 0', '{} 0=NaN'],
  ['1 > 2', '{} 0=0'],
  ['vector(3)', '{} 0=3'],
  ['sum by (service_name) (C)', '{service_name=ad} 0=4', '{service_name=cart} 0=2'],
  ['sum without (k8s_pod_name) (C)', '{service_name=ad} 0=4', '{service_name=cart} 0=2'],
  ['count(C)', '{} 0=3'],
  ['avg by (service_name) (C)', '{service_name=ad} 0=4', '{service_name=cart} 0=1'],
  ['min(C)', '{} 0=1'],
  ['max by (k8s_pod_name) (C)', '{k8s_pod_name=pod-0} 0=4', '{k8s_pod_name=pod-1} 0=1'],
  ['stdvar(C)', '{} 0=2'],
  ['stddev(C)', '{} 0=1.414214'],
  ['topk(1, C)', '{k8s_pod_name=pod-0,service_name=ad} 0=4'],
  ['bottomk(1, C)', '{k8s_pod_name=pod-0,service_name=cart} 0=1'],
  [
    'topk by (k8s_pod_name) (1, C)',
    '{k8s_pod_name=pod-0,service_name=ad} 0=4',
    '{k8s_pod_name=pod-1,service_name=cart} 0=1',
  ],
  ['C > 1', '{k8s_pod_name=pod-0,service_name=ad} 0=4'],
  [
    'C > bool 1',
    '{k8s_pod_name=pod-0,service_name=ad} 0=1',
    '{k8s_pod_name=pod-0,service_name=cart} 0=0',
    '{k8s_pod_name=pod-1,service_name=cart} 0=0',
  ],
  ['1 < C', '{k8s_pod_name=pod-0,service_name=ad} 0=4'],
  ['10 - sum(C)', '{} 0=4'],
  [
    'sum by (service_name) (C) / sum by (service_name) (C)',
    '{service_name=ad} 0=1',
    '{service_name=cart} 0=1',
  ],
  [
    'C / on (service_name) group_left sum by (service_name) (C)',
    '{k8s_pod_name=pod-0,service_name=ad} 0=1',
    '{k8s_pod_name=pod-0,service_name=cart} 0=0.5',
    '{k8s_pod_name=pod-1,service_name=cart} 0=0.5',
  ],
  [
    'sum by (service_name) (C) * ignoring (k8s_pod_name) group_right C',
    '{k8s_pod_name=pod-0,service_name=ad} 0=16',
    '{k8s_pod_name=pod-0,service_name=cart} 0=2',
    '{k8s_pod_name=pod-1,service_name=cart} 0=2',
  ],
  ['sum by (service_name) (C) and on (service_name) C > 1', '{service_name=ad} 0=4'],
  ['sum by (service_name) (C) unless on (service_name) C > 1', '{service_name=cart} 0=2'],
  [
    'sum by (service_name) (C > 1) or sum by (service_name) (C)',
    '{service_name=ad} 0=4',
    '{service_name=cart} 0=2',
  ],
  ['sum(C > 9) or vector(0)', '{} 0=0'],
  [
    'label_replace(sum by (service_name) (C), "x", "$1-${n}", "service_name", "(?P<n>c)(.*)")',
    '{service_name=ad} 0=4',
    '{service_name=cart,x=c-c} 0=2',
  ],
  [
    'label_replace(sum by (service_name) (C), "service_name", "", "service_name", "ad")',
    '{service_name=cart} 0=2',
    '{} 0=4',
  ],
  [
    'C / on (service_name) C',
    '400 found duplicate series for the match group {service_name="cart"} on the right hand-side of the operation: [{k8s_pod_name="pod-0", service_name="cart"}, {k8s_pod_name="pod-1", service_name="cart"}];many-to-many matching not allowed: matching labels must be unique on one side',
  ],
  [
    'label_replace(C, "k8s_pod_name", "", "k8s_pod_name", ".*") + label_replace(C, "k8s_pod_name", "", "k8s_pod_name", ".*")',
    '400 found duplicate series for the match group {service_name="cart"} on the right hand-side of the operation: [{service_name="cart"}, {service_name="cart"}];many-to-many matching not allowed: matching labels must be unique on one side',
  ],
  ['1 ^ (0 / 0)', '{} 0=1'],
  [
    'C and on (k8s_pod_name) group_left C > 1',
    '{k8s_pod_name=pod-0,service_name=ad} 0=4',
    '{k8s_pod_name=pod-0,service_name=cart} 0=1',
  ],
  ['C unless on (k8s_pod_name) group_right C > 1', '{k8s_pod_name=pod-1,service_name=cart} 0=1'],
  [
    'label_replace(sum by (service_name) (C), "a b", "$1", "service_name", "(c.*)")',
    '{a b=cart,service_name=cart} 0=2',
    '{service_name=ad} 0=4',
  ],
  ['count_over_time({service_name=~".+"}[0s])'],
  ['sum(rate({service_name=~".+"}[0s]))'],
  ['topk(1, count_over_time({service_name=~".+"} | logfmt [0s]))'],
  ['absent_over_time({service_name="cart"}[0s])', '{service_name=cart} 0=1'],
  [
    '1 and C',
    '400 parse error : unexpected literal for left leg of logical/set binary operation (and): 1.000000',
  ],
  ['sum(1)', '400 sum works on vectors only'],
];

describe('LogQL vector operations', () => {
  let loki: TestLoki;
  before(async () => {
    loki = await testLoki();
    const row = (at: number, service: string, pod: string) =>
      logRow({ at, service, body: 'x', columns: { k8s_pod_name: pod } });
    await loki.lake.insert('logs', [
      row(-1, 'cart', 'pod-0'),
      row(-2, 'cart', 'pod-1'),
      ...[-3, -4, -5, -6].map((at) => row(at, 'ad', 'pod-0')),
    ]);
  });
  after(() => loki.close());

  const counts = `count_over_time({service_name=~".+"} | keep service_name, k8s_pod_name [1m])`;
  for (const [query, ...series] of instants) {
    it(query, async () => {
      const text = query.replaceAll(/\bC\b/g, counts);
      assert.deepEqual(await ask(loki, text, { from: 0, to: 0, step: 1 }), series);
    });
  }
});
