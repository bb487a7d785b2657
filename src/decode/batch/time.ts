/** 64-bit times as two 32-bit words, since BigInts would allocate for each record. */

/** Writes `value / 1000`, rounded down, to `out[at]` (low) and `out[at + 1]` (high). Nanoseconds to microseconds. */
export function writeThousandth(lo: number, hi: number, out: Uint32Array, at: number): void {
  const high = hi >>> 0;
  const q2 = (high / 1000) >>> 0;
  let rest = ((high - q2 * 1000) << 16) | (lo >>> 16);
  const q1 = (rest / 1000) | 0;
  rest = ((rest - q1 * 1000) << 16) | (lo & 0xffff);
  const q0 = (rest / 1000) | 0;
  out[at] = (q1 << 16) | q0;
  out[at + 1] = q2;
}

const micros = new Uint32Array(2);

/** Writes `value / 1,000,000`, rounded down. Nanoseconds to milliseconds. */
export function writeMillionth(lo: number, hi: number, out: Uint32Array, at: number): void {
  writeThousandth(lo, hi, micros, 0);
  writeThousandth(micros[0]!, micros[1]!, out, at);
}

export function isBefore(lo: number, hi: number, otherLo: number, otherHi: number): boolean {
  const a = hi >>> 0;
  const b = otherHi >>> 0;
  return a < b || (a === b && lo >>> 0 < otherLo >>> 0);
}

const maxInt64 = (1n << 63n) - 1n;

/** A bound of times in two words, brought into the range that BIGINT columns hold. */
export function toWords(value: bigint): { lo: number; hi: number } {
  const bounded = value < 0n ? 0n : value > maxInt64 ? maxInt64 : value;
  return { lo: Number(bounded & 0xffff_ffffn) | 0, hi: Number(bounded >> 32n) | 0 };
}
