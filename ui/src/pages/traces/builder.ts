/** A search that the form can hold. */
export interface Simple {
  readonly service: string;
  readonly name: string;
  readonly failed: boolean;
  /** As TraceQL has it: `500ms`; empty for any. */
  readonly longerThan: string;
  /** Attributes, `span.` or `resource.` or neither before their names. */
  readonly attributes: readonly { readonly name: string; readonly value: string }[];
}

export const nothing: Simple = { service: '', name: '', failed: false, longerThan: '', attributes: [] };

export function toTraceql({ service, name, failed, longerThan, attributes }: Simple): string {
  const conditions = [
    service && `resource.service.name = ${JSON.stringify(service)}`,
    name && `name = ${JSON.stringify(name)}`,
    failed && 'status = error',
    longerThan && `duration > ${longerThan}`,
    ...attributes.map((one) => `${one.name} = ${one.value}`),
  ].filter(Boolean);
  return conditions.length === 0 ? '{ }' : `{ ${conditions.join(' && ')} }`;
}

const string = String.raw`"(?:[^"\\]|\\.)*"`;

/** Null for a query that the form has no place for. */
export function parseSimple(query: string): Simple | null {
  const inner = /^\s*\{(.*)\}\s*$/s.exec(query)?.[1]?.trim();
  if (inner === undefined) return null;
  let simple = nothing;
  for (let rest = inner; rest !== '';) {
    const match = new RegExp(
      `^(\\.?[a-zA-Z][\\w.]*)\\s*(=|>)\\s*(${string}|[\\w.µ-]+)\\s*(?:&&\\s*(?=\\S)|$)`,
    ).exec(rest);
    if (!match) return null;
    const [whole, name = '', op, value = ''] = match;
    const text = value.startsWith('"') ? (JSON.parse(value) as string) : value;
    if (op === '>') {
      if (name !== 'duration') return null;
      simple = { ...simple, longerThan: value };
    } else if (name === 'resource.service.name') simple = { ...simple, service: text };
    else if (name === 'name') simple = { ...simple, name: text };
    else if (name === 'status') {
      if (value !== 'error') return null;
      simple = { ...simple, failed: true };
    } else if (/^(\.|span\.|resource\.)/.test(name)) {
      simple = { ...simple, attributes: [...simple.attributes, { name, value }] };
    } else return null;
    rest = rest.slice(whole.length);
  }
  return simple;
}

/** `http.route=/cart` as a condition; null when it is none. A number or true and false are those, not texts. */
export function parseAttribute(text: string): { readonly name: string; readonly value: string } | null {
  const [, name, value] = /^\s*([\w.-]+)\s*=\s*(.+?)\s*$/.exec(text) ?? [];
  if (name === undefined || value === undefined) return null;
  const plain = /^(-?\d+(\.\d+)?|true|false)$/.test(value) || /^".*"$/.test(value);
  const scoped = /^(\.|span\.|resource\.)/.test(name) ? name : `.${name}`;
  return { name: scoped, value: plain ? value : JSON.stringify(value) };
}
