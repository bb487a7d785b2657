/** Names of levels, each with its colour in the style sheet. */
const levels: ReadonlyMap<string, string> = new Map([
  ['debug', 'debug'],
  ['trace', 'debug'],
  ['info', 'info'],
  ['warn', 'warn'],
  ['warning', 'warn'],
  ['error', 'error'],
  ['critical', 'critical'],
  ['fatal', 'critical'],
  ['unknown', 'unknown'],
]);

/** A colour for each series: far apart from its neighbours', or what a level has everywhere when all are levels. */
export function seriesColors(names: readonly string[], style: CSSStyleDeclaration): string[] {
  const named = names.map((name) => levels.get(name));
  const all = named.length > 0 && named.every((level) => level !== undefined);
  return names.map((_name, i) =>
    all
      ? style.getPropertyValue(`--level-${named[i] ?? 'unknown'}`)
      : `hsl(${(210 + i * 137.5) % 360} 60% 55%)`,
  );
}
