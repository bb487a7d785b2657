import { exponentialDigits } from '../../text/float-digits.js';
import { shortG } from '../../text/numbers.js';
import type { FunctionNotes, Repair } from '../functions/function.js';
import { placeOf } from '../syntax/errors.js';

/** As many of each kind as Prometheus' API tells. */
const mostTold = 10;

/**
 * The annotations of a query. Equal ones are one, with the position of the last; `source` is the query, '' when
 * positions are not to be told.
 */
export class QueryNotes implements FunctionNotes {
  readonly #warnings = new Map<string, number>();
  readonly #infos = new Map<string, number>();
  #repair: Repair | undefined;

  constructor(private readonly source: string) {}

  warn(text: string, at: number): void {
    this.#warnings.set(text, at);
  }

  info(text: string, at: number): void {
    this.#infos.set(text, at);
  }

  /** Buckets of classic histograms whose counts fell: of all of a query one is told, where the first of them are. */
  repaired(repair: Repair): void {
    this.#repair = this.#repair ? joined(this.#repair, repair) : repair;
  }

  get warnings(): string[] {
    return this.#told('warning', this.#warnings);
  }

  get infos(): string[] {
    const all = new Map(this.#infos);
    if (this.#repair) all.set(repairText(this.#repair), this.#repair.at);
    return this.#told('info', all);
  }

  #told(kind: 'warning' | 'info', all: ReadonlyMap<string, number>): string[] {
    const texts = [...all].map(([text, at]) => `PromQL ${kind}: ${text}${this.#position(at)}`);
    if (texts.length <= mostTold) return texts;
    return [...texts.slice(0, mostTold), `${texts.length - mostTold} more ${kind} annotations omitted`];
  }

  #position(at: number): string {
    return this.source === '' ? '' : ` (${placeOf(this.source, at)})`;
  }
}

function joined(a: Repair, b: Repair): Repair {
  return {
    at: a.at,
    lowest: Math.min(a.lowest, b.lowest),
    highest: Math.max(a.highest, b.highest),
    most: Math.max(a.most, b.most),
    from: Math.min(a.from, b.from),
    to: Math.max(a.to, b.to),
    count: BigInt.asIntN(64, a.count + b.count),
  };
}

/** The last time that a Date can have, in milliseconds; times of queries may be beyond it. */
const lastDate = 8.64e15;

function repairText({ lowest, highest, most, from, to, count }: Repair): string {
  const time = (ms: number) =>
    new Date(Math.min(Math.max(ms, -lastDate), lastDate)).toISOString().replace(/\.\d+Z/, 'Z');
  return (
    'input to histogram_quantile needed to be fixed for monotonicity (see ' +
    'https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile), ' +
    `from buckets ${shortG(lowest)} to ${shortG(highest)}, with a max diff of ${twoDigits(most)}, ` +
    `over ${count} samples from ${time(from)} to ${time(to)}`
  );
}

/** As Go's %.2g: with an exponent from 100 on. */
function twoDigits(value: number): string {
  const text = exponentialDigits(value, 1);
  const [digits = '', exponent = ''] = text.split('e');
  if (!(Number(exponent) < -4 || Number(exponent) >= 2)) return shortG(Number(text));
  return `${Number(digits)}e${exponent.replace(/^([+-])(\d)$/, '$10$2')}`;
}
