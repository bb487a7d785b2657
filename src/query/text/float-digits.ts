/** The mantissa of 53 bits and the exponent of two, apart. */
export function floatBits(value: number): {
  readonly negative: boolean;
  readonly mantissa: bigint;
  readonly power: number;
} {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const all = view.getBigUint64(0);
  const stored = Number((all >> 52n) & 0x7ffn);
  const part = all & ((1n << 52n) - 1n);
  return {
    negative: all >> 63n === 1n,
    mantissa: stored === 0 ? part : part | (1n << 52n),
    power: Math.max(stored, 1) - 1075,
  };
}

/** Whether a number stands exactly between two multiples of ten to the `unit`. */
function isHalfway(value: number, unit: number): boolean {
  const doubled = Math.abs(value) * 2 ** (1 - unit);
  return doubled % 2 === 1 && (unit <= 0 || doubled % 5 ** unit === 0);
}

/** Takes the last of `digits`, which JavaScript rounded up, back where it is odd and the number was halfway. */
function toEven(digits: string, value: number, unit: number): string {
  const last = Number(digits.slice(-1));
  return last % 2 === 1 && isHalfway(value, unit) ? digits.slice(0, -1) + String(last - 1) : digits;
}

/** toFixed that rounds exact halves to even, as Go does. */
export function fixedDigits(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return Math.abs(value) < 1e21 ? toEven(text, value, -digits) : text;
}

/** toExponential that rounds exact halves to even, as Go does. */
export function exponentialDigits(value: number, digits: number): string {
  const text = value.toExponential(digits);
  if (!Number.isFinite(value)) return text;
  const at = text.indexOf('e');
  return toEven(text.slice(0, at), value, Number(text.slice(at + 1)) - digits) + text.slice(at);
}
