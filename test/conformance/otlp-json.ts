/** Parts of OTLP's JSON form. */

/** `{a="x", b=1, c=true}` as OTLP attributes. */
export function attributes(text: string): object[] {
  return pairs(text).map(([key, value]) => ({ key, value: anyValue(value) }));
}

/** The pairs of a label set; names may be quoted, values are JSON. */
export function pairs(text: string): [name: string, value: unknown][] {
  const found: [string, unknown][] = [];
  const inner = text.trim().replace(/^\{|\}$/g, '');
  const pair = /\s*("(?:[^"\\]|\\.)*"|[^\s=,"]+)\s*=\s*("(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^\s,]+)\s*(?:,|$)/gy;
  while (pair.lastIndex < inner.length) {
    const at = pair.lastIndex;
    const match = pair.exec(inner);
    if (!match) throw new Error(`${inner.slice(at)} is no attribute`);
    const [, name = '', value = ''] = match;
    found.push([name.startsWith('"') ? (JSON.parse(name) as string) : name, JSON.parse(value)]);
  }
  return found;
}

function anyValue(value: unknown): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

export function nanos(ms: number): string {
  return String(BigInt(Math.round(ms * 1000)) * 1000n);
}
