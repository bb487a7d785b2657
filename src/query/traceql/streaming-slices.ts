type Params = Readonly<Record<string, string>>;

const second = 1_000_000_000n;
/** Shorter ranges are answered at once. */
const shortest = 3600n;
/** The newest part that is asked first: of the range this share, and at least so many seconds. */
const share = 16n;
const least = 900n;

/** The newest part of a search or a listing, whose times are seconds; undefined where it has none worth asking for by itself. */
export function newestOfSeconds(params: Params): Params | undefined {
  const { start = '', end = '' } = params;
  if (!/^\d+$/.test(start) || !/^\d+$/.test(end)) return undefined;
  const from = newestFrom(BigInt(start), BigInt(end), 1n);
  return from === undefined ? undefined : { ...params, start: String(from) };
}

/** The newest steps of range metrics, whose times are nanoseconds. */
export function newestOfRange(params: Params): Params | undefined {
  const { start = '', step = '' } = params;
  const width = BigInt(/^(\d+)ns$/.exec(step)?.[1] ?? 0);
  const from = newestOfMetrics(params);
  if (from === undefined || width === 0n) return undefined;
  const aligned = from - (from % width);
  return aligned > BigInt(start) ? { ...params, start: String(aligned) } : undefined;
}

/** The newest part of what instant metrics are taken of. */
export function newestOfInstant(params: Params): Params | undefined {
  const from = newestOfMetrics(params);
  return from === undefined ? undefined : { ...params, start: String(from) };
}

function newestOfMetrics({ start = '', end = '', q = '' }: Params): bigint | undefined {
  if (!/^\d+$/.test(start) || !/^\d+$/.test(end)) return undefined;
  // What compare() shows depends on the whole range.
  if (/\bcompare\s*\(/.test(q)) return undefined;
  return newestFrom(BigInt(start), BigInt(end), second);
}

function newestFrom(start: bigint, end: bigint, unit: bigint): bigint | undefined {
  const width = end - start;
  if (width < shortest * unit) return undefined;
  const part = width / share;
  return end - (part > least * unit ? part : least * unit);
}
