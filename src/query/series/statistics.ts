/** Compensated (Neumaier) summation, as Prometheus sums. */
export class Sum {
  #sum: number;
  #correction = 0;

  constructor(start = 0) {
    this.#sum = start;
  }

  /** `correction`: what rounding has taken from the value already. */
  add(value: number, correction = 0): void {
    const next = this.#sum + value;
    this.#correction += correction;
    if (!Number.isFinite(next)) this.#correction = 0;
    else if (Math.abs(this.#sum) >= Math.abs(value)) this.#correction += this.#sum - next + value;
    else this.#correction += value - next + this.#sum;
    this.#sum = next;
  }

  get value(): number {
    return this.#sum + this.#correction;
  }

  /** The rounded sum, and what rounding took. */
  get parts(): { value: number; correction: number } {
    return { value: this.#sum, correction: this.#correction };
  }

  /** Both parts divided by themselves, whose last digit is that of Prometheus. */
  over(divisor: number): number {
    return this.#sum / divisor + this.#correction / divisor;
  }
}

/** The arithmetic mean; the incremental form takes over where a plain sum would overflow. */
export function mean(count: number, at: (i: number) => number): number {
  const sum = new Sum();
  for (let i = 0; i < count; i++) sum.add(at(i));
  if (Number.isFinite(sum.value) || count === 0) return sum.over(count);
  let average = 0;
  for (let i = 0; i < count; i++) {
    const value = at(i);
    if (!Number.isFinite(average) || !Number.isFinite(value)) {
      // Infinities of one sign stay; both signs, or a NaN, give NaN.
      average = Number.isFinite(average) ? value : average + (Number.isFinite(value) ? 0 : value);
      continue;
    }
    average += value / (i + 1) - average / (i + 1);
  }
  return average;
}

/** Population variance in one pass (Welford). */
export function variance(count: number, at: (i: number) => number): number {
  let average = 0;
  let squares = 0;
  for (let i = 0; i < count; i++) {
    const value = at(i);
    const delta = value - average;
    average += delta / (i + 1);
    squares += delta * (value - average);
  }
  return squares / count;
}

/** The same with compensated sums, as over the samples of a window. */
export function compensatedVariance(count: number, at: (i: number) => number): number {
  const average = new Sum();
  const squares = new Sum();
  for (let i = 0; i < count; i++) {
    const value = at(i);
    const delta = value - average.value;
    average.add(delta / (i + 1));
    squares.add(delta * (value - average.value));
  }
  return squares.value / count;
}

/** Quantile with linear interpolation between the nearest ranks; sorts `values`. NaN sorts first. */
export function quantile(q: number, values: Float64Array): number {
  if (values.length === 0 || Number.isNaN(q)) return NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  const sorted = values.sort();
  // Float64Array sorts NaN to the end, PromQL's order has it first.
  let nans = 0;
  while (nans < sorted.length && Number.isNaN(sorted[sorted.length - 1 - nans])) nans++;
  const at = (i: number) => (i < nans ? NaN : (sorted[i - nans] ?? NaN));
  const rank = q * (sorted.length - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(sorted.length - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  // Nothing of the upper one: an infinity times 0 would be NaN.
  if (weight === 0) return at(lower);
  return at(lower) * (1 - weight) + at(upper) * weight;
}

/** Least squares over (seconds after `origin`, value): slope, and the value at the origin. */
export function regression(
  times: Float64Array,
  values: Float64Array,
  low: number,
  high: number,
  originMs: number,
): { slope: number; intercept: number } {
  const first = values[low] ?? NaN;
  let constant = true;
  const [sumX, sumY, sumXY, sumXX] = [new Sum(), new Sum(), new Sum(), new Sum()];
  for (let i = low; i < high; i++) {
    const y = values[i] ?? NaN;
    if (y !== first) constant = false;
    const x = ((times[i] ?? 0) - originMs) / 1000;
    sumX.add(x);
    sumY.add(y);
    sumXY.add(x * y);
    sumXX.add(x * x);
  }
  if (constant)
    return Number.isFinite(first) ? { slope: 0, intercept: first } : { slope: NaN, intercept: NaN };
  const n = high - low;
  const covariance = sumXY.value - (sumX.value * sumY.value) / n;
  const spread = sumXX.value - (sumX.value * sumX.value) / n;
  const slope = covariance / spread;
  return { slope, intercept: sumY.value / n - (slope * sumX.value) / n };
}
