import { logRow, start } from '../fixture.test.js';

export const end = start + 60_000_000_000n;
export const range = { start: String(start), end: String(end) };
const bodies = [
  'level=info took=5ms user=7 "GET /a"',
  'level=warn took=9ms user=12 "GET /b"',
  '{"took":1.5,"ok":true,"size":"2KB"}',
];
export const rows = Array.from({ length: 30 }, (_, i) =>
  logRow({
    at: i * 2,
    service: ['cart', 'ad'][i % 2] ?? '',
    severity: [9, 17][i % 2] ?? 0,
    body: bodies[i % 3] ?? '',
    attributes: { 'user.id': `u${i % 4}`, 'http.status_code': 200 + (i % 2) },
    columns: { k8s_pod_name: `pod-${i % 3}` },
  }),
);
