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

/** Told apart from their neighbours and from both backgrounds. */
const first = [
  ...['#4c8dd6', '#e08a3c', '#3fa37a', '#b868c4', '#b39a2a', '#7277dd'],
  ...['#d9656d', '#35a2b5', '#8b9b3f', '#a97a58'],
];

/** A colour for each series: far apart from its neighbours', or what a level has everywhere when all are levels. */
export function seriesColors(names: readonly string[], style: CSSStyleDeclaration): string[] {
  const named = names.map((name) => levels.get(name));
  const all = named.length > 0 && named.every((level) => level !== undefined);
  return names.map((_name, i) =>
    all
      ? style.getPropertyValue(`--level-${named[i] ?? 'unknown'}`)
      : (first[i] ?? `hsl(${(210 + i * 137.5) % 360} 50% 55%)`),
  );
}
