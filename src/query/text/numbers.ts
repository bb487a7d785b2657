/** Sample values as the Prometheus and Loki APIs write them. */

/** A number as it stands in a label value: shortest decimals, never an exponent. */
export function plainDecimal(value: number): string {
  const text = floatText(value);
  const match = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!match) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits + '0'.repeat(point - digits.length);
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** A sample value: NaN, +Inf, -Inf, shortest decimals, exponents of two digits or more. */
export function floatText(value: number): string {
  const size = Math.abs(value);
  // No exponent.
  if (size >= 1e-6 && size < 1e21) return String(value);
  if (Number.isNaN(value)) return 'NaN';
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  if (Object.is(value, -0)) return '-0';
  const text = String(value);
  return text.includes('e') ? text.replace(/e([+-])(\d)$/, 'e$10$2') : text;
}

/** A number in a message, as Go's %g has it: shortest digits, an exponent below 1e-4 and from a million on. */
export function shortG(value: number): string {
  if (!Number.isFinite(value) || value === 0) return floatText(value);
  const size = Math.abs(value);
  const text = size < 1e-4 || size >= 1e6 ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}
