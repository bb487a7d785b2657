/** Items of all lists together, in each thread: 8 bytes each, as what they are is held elsewhere. */
const mostItems = 1_000_000;
/** Of one list: it would take the room of too many others. */
const mostInOne = mostItems / 4;

let lists = new WeakMap<object, Map<string, readonly unknown[]>>();
let kept = new WeakSet<readonly unknown[]>();
let items = 0;

/** What was made of a thing that never changes, by what was asked of it. */
export function derived<T>(of: object, asked: string): readonly T[] | undefined {
  return lists.get(of)?.get(asked) as readonly T[] | undefined;
}

/** Keeps it for as long as the thing is kept, and there is room; `more`: what it takes beside its items, in as many of them. */
export function keepDerived<T>(of: object, asked: string, list: readonly T[], more = 0): readonly T[] {
  const weight = list.length + asked.length / 8 + 20 + more;
  if (weight > mostInOne) return list;
  items += weight;
  if (items > mostItems) {
    lists = new WeakMap();
    kept = new WeakSet();
    items = weight;
  }
  kept.add(list);
  let own = lists.get(of);
  if (own === undefined) lists.set(of, (own = new Map<string, readonly unknown[]>()));
  own.set(asked, list);
  return list;
}

const numbers = new WeakMap<object, number>();
let next = 1;

/** The same for the same thing, another one for any other. */
function numberOf(thing: object): number {
  let number = numbers.get(thing);
  if (number === undefined) numbers.set(thing, (number = next++));
  return number;
}

/** What is made of several lists together, which is kept with the first of them. */
export function derivedOfAll<T, U>(
  parts: readonly (readonly T[])[],
  asked: string,
  make: () => readonly U[],
): readonly U[] {
  const [first] = parts;
  if (first === undefined) return make();
  const key = `${asked} ${parts.map(numberOf).join(' ')}`;
  return derived<U>(first, key) ?? keepDerived(first, key, make());
}

/** The JSON of a list that never changes; of one that is not kept itself it is of no use later. */
export function jsonOf(list: readonly unknown[]): string {
  const [text] = derived<string>(list, 'JSON') ?? [];
  if (text !== undefined) return text;
  const made = JSON.stringify(list);
  if (kept.has(list)) keepDerived(list, 'JSON', [made], made.length / 8);
  return made;
}
