import { promotedColumns } from '../../schema/index.js';

/** Labels that columns stand for, and the resource attributes that fill these. */
const columns: ReadonlyMap<string, string> = new Map([
  ['service_name', 'service.name'],
  ['service_namespace', 'service.namespace'],
  ['service_instance_id', 'service.instance.id'],
  ...promotedColumns('logs').map(({ column, keys: [key = ''] }) => [column, key] as const),
]);

/** Loki's `discover_service_name`, in its order. */
const discovered = [
  'service',
  'app',
  'application',
  'app_name',
  'name',
  'app_kubernetes_io_name',
  'container',
  'container_name',
  'k8s_container_name',
  'component',
  'workload',
  'job',
  'k8s_job_name',
];

/** The labels of a stream as attributes of a resource, with the service's name that Loki gives it. */
export function streamResource(labels: ReadonlyMap<string, string>): [string, string][] {
  const attributes = [...labels].map(([name, value]): [string, string] => [columns.get(name) ?? name, value]);
  if (labels.has('service_name')) return attributes;
  const service = discovered
    .map((name) => labels.get(name))
    .find((value) => value !== undefined && value !== '');
  return service === undefined ? attributes : [['service.name', service], ...attributes];
}

/** Labels written as a selector, `{a="b", c="d"}`; null when they are not. */
export function parseLabels(text: string): Map<string, string> | null {
  const labels = new Map<string, string>();
  const pair = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*("(?:[^"\\]|\\.)*"|`[^`]*`)\s*(,|\})/y;
  pair.lastIndex = text.indexOf('{') + 1;
  if (!/^\s*\{/.test(text)) return null;
  if (/^\s*\{\s*\}\s*$/.test(text)) return labels;
  for (;;) {
    const found = pair.exec(text);
    if (!found) return null;
    const [, name = '', quoted = '', end] = found;
    labels.set(name, unquoted(quoted));
    if (end === '}') return labels;
  }
}

function unquoted(text: string): string {
  const inner = text.slice(1, -1);
  if (text.startsWith('`')) return inner;
  const plain: Readonly<Record<string, string>> = {
    n: '\n',
    t: '\t',
    r: '\r',
    a: '\x07',
    b: '\b',
    f: '\f',
    v: '\v',
  };
  return inner.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs,
    (whole, x, u, long, one) => {
      const code = (x ?? u ?? long) as string | undefined;
      if (code !== undefined) {
        const point = parseInt(code, 16);
        return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
      }
      // eslint-disable-next-line canardstack/outside-names -- one character, of those above
      return Object.hasOwn(plain, one as string) ? (plain[one as string] ?? '') : (one as string);
    },
  );
}
