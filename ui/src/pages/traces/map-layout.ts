export const [boxWidth, boxHeight] = [160, 48];
const [gapX, gapY, margin] = [130, 30, 10];

interface Edge {
  readonly from: string;
  readonly to: string;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Curve<E> {
  readonly edge: E;
  readonly path: string;
  /** The middle of its text. */
  readonly x: number;
  readonly y: number;
}

interface Layout<E> {
  readonly places: ReadonlyMap<string, Point>;
  readonly curves: readonly Curve<E>[];
  readonly width: number;
  readonly height: number;
}

/** Services in columns, callers before whom they call, and a curve for each call; `nil` calls from nowhere. */
export function layOut<E extends Edge>(edges: readonly E[], says: (edge: E) => string): Layout<E> {
  const places = placesOf(edges);
  const all = [...places.values()];
  return {
    places,
    curves: curvesOf(edges, places, says),
    width: Math.max(...all.map(({ x }) => x)) + boxWidth + margin,
    height: Math.max(...all.map(({ y }) => y)) + boxHeight + margin,
  };
}

/** Columns by the longest way from a service that nobody calls; calls that close a circle don't count. */
function columnsOf(edges: readonly Edge[]): ReadonlyMap<string, number> {
  const calls = new Map<string, string[]>();
  const names = new Set<string>();
  const called = new Set<string>();
  for (const { from, to } of edges) {
    names.add(to);
    if (from === 'nil') continue;
    names.add(from);
    called.add(to);
    calls.set(from, [...(calls.get(from) ?? []), to]);
  }
  const [open, done] = [new Set<string>(), new Set<string>()];
  const forward: Edge[] = [];
  const visit = (name: string): void => {
    if (done.has(name) || open.has(name)) return;
    open.add(name);
    for (const to of calls.get(name) ?? []) {
      visit(to);
      if (!open.has(to)) forward.push({ from: name, to });
    }
    open.delete(name);
    done.add(name);
  };
  for (const name of names) if (!called.has(name)) visit(name);
  for (const name of names) visit(name);
  // `done` has whom one calls before the caller.
  const columns = new Map([...names].map((name) => [name, 0]));
  const next = new Map<string, string[]>();
  for (const { from, to } of forward) next.set(from, [...(next.get(from) ?? []), to]);
  for (const name of [...done].reverse()) {
    for (const to of next.get(name) ?? [])
      columns.set(to, Math.max(columns.get(to) ?? 0, (columns.get(name) ?? 0) + 1));
  }
  return columns;
}

function placesOf(edges: readonly Edge[]): ReadonlyMap<string, Point> {
  const rows = new Map<string, number>();
  const byColumn: string[][] = [];
  for (const [name, column] of columnsOf(edges)) (byColumn[column] ??= []).push(name);
  const places = new Map<string, Point>();
  byColumn.forEach((names, column) => {
    // Beside its callers, so that few lines cross.
    const weight = (name: string) => {
      const above = edges.filter(({ from, to }) => to === name && rows.has(from));
      return above.reduce((sum, { from }) => sum + (rows.get(from) ?? 0), 0) / Math.max(1, above.length);
    };
    const sorted = names.map((name) => ({ name, at: weight(name) })).sort((a, b) => a.at - b.at);
    sorted.forEach(({ name }, row) => {
      rows.set(name, row);
      places.set(name, {
        x: margin + column * (boxWidth + gapX),
        y: margin + row * (boxHeight + gapY),
      });
    });
  });
  return places;
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const [letter, textHeight] = [6.4, 15];
/** Where along its curve a text may be, the best first. */
const spots = [0.5, 0.62, 0.38, 0.72, 0.28, 0.8, 0.2, 0.87, 0.13];

function curvesOf<E extends Edge>(
  edges: readonly E[],
  places: ReadonlyMap<string, Point>,
  says: (edge: E) => string,
): Curve<E>[] {
  const taken: Box[] = [...places.values()].map(({ x, y }) => ({
    ...{ left: x, top: y, right: x + boxWidth, bottom: y + boxHeight },
  }));
  const isFree = (box: Box) =>
    !taken.some(
      (one) => box.left < one.right && one.left < box.right && box.top < one.bottom && one.top < box.bottom,
    );
  const [leaves, enters] = [portsOf(edges, places, 'from', 'to'), portsOf(edges, places, 'to', 'from')];
  return edges.flatMap((edge) => {
    const [a, b] = [places.get(edge.from), places.get(edge.to)];
    if (!a || !b) return [];
    const [x1, y1] = [a.x + boxWidth, a.y + boxHeight / 2 + (leaves.get(edge) ?? 0)];
    const [x2, y2] = [b.x, b.y + boxHeight / 2 + (enters.get(edge) ?? 0)];
    const bend = Math.max(40, Math.abs(x2 - x1) / 2);
    const wide = says(edge).length * letter;
    const boxAt = (t: number): Box => {
      const x = cubic(t, x1, x1 + bend, x2 - bend, x2);
      const y = cubic(t, y1, y1, y2, y2);
      return { left: x - wide / 2, right: x + wide / 2, top: y - textHeight / 2, bottom: y + textHeight / 2 };
    };
    const box = spots.map(boxAt).find(isFree) ?? boxAt(0.5);
    taken.push(box);
    return [
      {
        edge,
        path: `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`,
        x: (box.left + box.right) / 2,
        y: box.bottom - 4,
      },
    ];
  });
}

/** How far from the middle of its box each curve ends, so that those of one box lie beside each other. */
function portsOf<E extends Edge>(
  edges: readonly E[],
  places: ReadonlyMap<string, Point>,
  end: 'from' | 'to',
  other: 'from' | 'to',
): ReadonlyMap<E, number> {
  const ports = new Map<E, number>();
  const known = edges.filter(({ from, to }) => places.has(from) && places.has(to));
  for (const name of new Set(known.map((edge) => edge[end]))) {
    const own = known.filter((edge) => edge[end] === name);
    const yOf = (edge: E) => places.get(edge[other])?.y ?? 0;
    own.sort((a, b) => yOf(a) - yOf(b));
    const apart = Math.min(12, (boxHeight - 12) / Math.max(1, own.length - 1));
    own.forEach((edge, i) => ports.set(edge, (i - (own.length - 1) / 2) * apart));
  }
  return ports;
}

function cubic(t: number, a: number, b: number, c: number, d: number): number {
  const u = 1 - t;
  return u * u * u * a + 3 * u * u * t * b + 3 * u * t * t * c + t * t * t * d;
}
