const known = { prometheus: new Map<string, string>(), loki: new Map<string, string>() } as const;

/** Keys repeat over all rows, so names are remembered. */
function remembered(names: Map<string, string>, key: string, make: (key: string) => string): string {
  let name = names.get(key);
  if (name === undefined) {
    name = make(key);
    if (names.size > 10_000) names.clear();
    names.set(key, name);
  }
  return name;
}

/**
 * An attribute key as a Prometheus label name (OpenTelemetry's Prometheus compatibility specification). As in
 * Prometheus, no label begins with a digit, nor with one underscore.
 */
export function labelName(key: string): string {
  return remembered(known.prometheus, key, () => {
    const name = key.replace(/[^a-zA-Z0-9_]/gu, '_');
    if (/^[0-9]/.test(name)) return `key_${name}`;
    return /^_(?!_)/.test(name) ? `key${name}` : name;
  });
}

/** Any key as a Loki label name: what is not a letter, digit or underscore becomes `_`. */
export function lokiLabelName(key: string): string {
  return remembered(known.loki, key, () => {
    const name = key.trim().replaceAll(/[^a-zA-Z0-9_]/gu, '_');
    return /^\d/.test(name) ? `_${name}` : name;
  });
}

/** Whether a text is a label name that needs no quoting (Prometheus data model). */
export function isLabelName(text: string): boolean {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(text);
}
