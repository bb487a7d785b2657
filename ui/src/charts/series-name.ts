/** `name{label="value"}` without what all series have in common. */
export function seriesNames(all: readonly { readonly labels: ReadonlyMap<string, string> }[]): string[] {
  const [first] = all;
  const common = new Set(
    [...(first?.labels ?? [])]
      .filter(([name, value]) => all.length > 1 && all.every(({ labels }) => labels.get(name) === value))
      .map(([name]) => name),
  );
  return all.map(({ labels }) => {
    const rest = [...labels].filter(([name]) => name !== '__name__' && !common.has(name)).sort();
    const text = rest.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ');
    const metric = common.has('__name__') ? '' : (labels.get('__name__') ?? '');
    return text === '' ? metric || 'value' : `${metric}{${text}}`;
  });
}
