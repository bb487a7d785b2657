/**
 * DuckLake 1.0 writes rows that stay in the catalog as SQL text, and DuckDB 1.5 reads a number with a point in it as a DECIMAL, whose cast
 * to DOUBLE is a division that rounds twice: about one in a hundred doubles of 16 digits and more comes back as its neighbour.
 */
const exactIntegers = 2n ** 53n;
const widestInt64 = 18;

/** Whether a double comes back from its text. */
export function survivesText(value: number): boolean {
  if (Number.isInteger(value)) return true;
  const decimal = decimalOf(value);
  return decimal === null || castBack(decimal) === value;
}

/** The same of a list, whose members get the type that holds all of them. */
export function listSurvivesText(values: Float64Array): boolean {
  if (!values.every(survivesText)) return false;
  const decimals = [...values].map(decimalOf);
  const most = (of: (one: Decimal) => number) =>
    decimals.reduce((so, one) => Math.max(so, one === null ? 0 : of(one)), 0);
  const scale = most((one) => one.scale);
  const width = scale + most((one) => one.width - one.scale);
  return decimals.every((one, i) => {
    if (one === null) return true;
    const digits = one.digits * 10n ** BigInt(scale - one.scale);
    return castBack({ digits, scale, width }) === values[i];
  });
}

interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
  readonly width: number;
}

/** As DuckDB reads the text of a double; null for texts with an exponent, which it reads as doubles. */
function decimalOf(value: number): Decimal | null {
  const size = Math.abs(value);
  if (!(size >= 1e-4 && size < 1e16)) return null;
  const [whole = '', fraction = '0'] = String(size).split('.');
  const digits = BigInt(whole + fraction);
  return {
    digits: value < 0 ? -digits : digits,
    scale: fraction.length,
    width: whole.length + fraction.length,
  };
}

/** DuckDB's cast of a DECIMAL to DOUBLE. */
function castBack({ digits, scale, width }: Decimal): number {
  const power = Number(`1e${scale}`);
  if (digits <= exactIntegers && digits >= -exactIntegers) return Number(digits) / power;
  const ten = 10n ** BigInt(scale);
  const number = width > widestInt64 ? fromHugeint : Number;
  return number(digits / ten) + number(digits % ten) / power;
}

/** Of two words, as DuckDB puts them together. */
function fromHugeint(value: bigint): number {
  const [upper, lower] = [value >> 64n, BigInt.asUintN(64, value)];
  if (upper === -1n) return -Number(2n ** 64n - 1n - lower) - 1;
  return Number(lower) + Number(upper) * 2 ** 64;
}
