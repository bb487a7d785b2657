import { unitOrder } from './byte-order.js';

/**
 * `pod-2` before `pod-10`, as natsort of Go, which Prometheus orders labels by: stretches of digits by their number where 64 bits hold
 * it, all others by their bytes; of two that are equal so far the shorter one is the first. What differs is looked for
 * without splitting the texts, which may be long.
 */
export function naturalOrder(a: string, b: string): number {
  if (a === b) return 0;
  // Nothing is not before anything there.
  if (a === '' || b === '') return 1;
  let [i, j] = [0, 0];
  for (;;) {
    const { stretch, same } = sharedFrom(a, i, b, j);
    const [p, q] = [i + same, j + same];
    const digits = isDigit(a.charCodeAt(i + stretch));
    const [goesOn, otherGoesOn] = [isKind(a, p, digits), isKind(b, q, digits)];
    if (!goesOn && !otherGoesOn && same > stretch) return p === a.length ? -1 : 1;
    const m = wholeNumber(a, i + stretch);
    const n = wholeNumber(b, j + stretch);
    if (m === null || n === null) {
      if (same === stretch || (goesOn && otherGoesOn))
        return unitOrder(a.charCodeAt(p), b.charCodeAt(q)) < 0 ? -1 : 1;
      return goesOn ? 1 : -1;
    }
    if (m.digits !== n.digits) {
      const longer = m.digits.length - n.digits.length;
      return longer < 0 || (longer === 0 && m.digits < n.digits) ? -1 : 1;
    }
    if (m.end === a.length) return -1;
    if (n.end === b.length) return 1;
    [i, j] = [m.end, n.end];
  }
}

/** How many characters are the same, and how many of them are before the stretch that first differs. */
function sharedFrom(a: string, i: number, b: string, j: number): { stretch: number; same: number } {
  let [stretch, same] = [0, 0];
  const most = Math.min(a.length - i, b.length - j);
  let digits = isDigit(a.charCodeAt(i));
  while (same < most) {
    const unit = a.charCodeAt(i + same);
    if (unit !== b.charCodeAt(j + same)) break;
    if (isDigit(unit) !== digits) {
      stretch = same;
      digits = !digits;
    }
    same++;
  }
  // Both begin another one here, unless one of the texts ends.
  if (same < most && !isKind(a, i + same, digits) && !isKind(b, j + same, digits)) stretch = same;
  return { stretch, same };
}

function isDigit(unit: number): boolean {
  return unit >= 48 && unit <= 57;
}

/** Whether there is a character, a digit or none as asked. */
function isKind(text: string, at: number, digits: boolean): boolean {
  return at < text.length && isDigit(text.charCodeAt(at)) === digits;
}

const largest = String(2n ** 63n - 1n);

/** What Go's strconv.Atoi reads, without zeros in front, and where it ends; null for letters, and for what 64 bits don't hold. */
function wholeNumber(text: string, from: number): { digits: string; end: number } | null {
  if (!isKind(text, from, true)) return null;
  let first = from;
  while (text.charCodeAt(first) === 48) first++;
  let end = first;
  while (end - first <= largest.length && isKind(text, end, true)) end++;
  const digits = text.slice(first, end);
  if (digits.length > largest.length || (digits.length === largest.length && digits > largest)) return null;
  return { digits, end };
}
