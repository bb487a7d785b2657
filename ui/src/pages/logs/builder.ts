/** A log query that the form can hold: matchers, texts that lines contain, filters of labels. */
export interface Simple {
  readonly matchers: readonly Filter[];
  readonly texts: readonly { readonly op: '|=' | '!='; readonly text: string }[];
  readonly filters: readonly Filter[];
}

export interface Filter {
  readonly name: string;
  readonly op: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

export const everything = '{service_name=~".+"}';

const filterText = String.raw`([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")`;

function unquoted(text: string): string | null {
  try {
    return JSON.parse(text) as string;
  } catch {
    return null;
  }
}

function filterOf(match: RegExpExecArray | null): Filter | null {
  const [, name, op, quoted] = match ?? [];
  const value = quoted === undefined ? null : unquoted(quoted);
  return name === undefined || value === null ? null : { name, op: op as Filter['op'], value };
}

/** Null for a query that the form has no place for. */
export function parseSimple(query: string): Simple | null {
  const [whole, inner = ''] = /^\s*\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\}/.exec(query) ?? [];
  if (whole === undefined) return null;
  const matchers: Filter[] = [];
  for (let rest = inner.trim(); rest !== '';) {
    const match = new RegExp(`^${filterText}\\s*(?:,\\s*|$)`).exec(rest);
    const filter = filterOf(match);
    if (!match || !filter) return null;
    matchers.push(filter);
    rest = rest.slice(match[0].length);
  }
  const texts: { op: '|=' | '!='; text: string }[] = [];
  const filters: Filter[] = [];
  for (let rest = query.slice(whole.length).trim(); rest !== '';) {
    const text = /^(\|=|!=)\s*("(?:[^"\\]|\\.)*")\s*/.exec(rest);
    const label = new RegExp(`^\\|\\s*${filterText}\\s*`).exec(rest);
    const value = text?.[2] === undefined ? null : unquoted(text[2]);
    const filter = filterOf(label);
    if (text && value !== null) texts.push({ op: text[1] as '|=' | '!=', text: value });
    else if (filter) filters.push(filter);
    else return null;
    rest = rest.slice((text ?? label)?.[0].length ?? rest.length);
  }
  return { matchers, texts, filters };
}

const shown = ({ name, op, value }: Filter) => `${name}${op}${JSON.stringify(value)}`;

export function toLogql({ matchers, texts, filters }: Simple): string {
  // Loki wants one matcher that does not match the empty text.
  const selective = matchers.some(
    ({ op, value }) => (op === '=' && value !== '') || (op === '=~' && value !== '.*'),
  );
  const all = selective ? matchers : [{ name: 'service_name', op: '=~', value: '.+' } as const, ...matchers];
  const stages = [
    ...texts.map(({ op, text }) => `${op} ${JSON.stringify(text)}`),
    ...filters.map((filter) => `| ${shown(filter)}`),
  ];
  return [`{${all.map(shown).join(', ')}}`, ...stages].join(' ');
}

/** The query with one more condition on a label. */
export function withFilter(query: string, filter: Filter): string {
  const simple = parseSimple(query);
  if (!simple) return `${query} | ${shown(filter)}`;
  if (filter.name === 'service_name' && filter.op === '=') {
    return toLogql({
      ...simple,
      matchers: [filter, ...simple.matchers.filter(({ name }) => name !== 'service_name')],
    });
  }
  const others = simple.filters.filter((one) => shown(one) !== shown(filter));
  return toLogql({ ...simple, filters: [...others, filter] });
}
