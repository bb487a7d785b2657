/**
 * Metric names as Prometheus knows them: "OTLP metric points to Prometheus" of the OpenTelemetry specification,
 * compatibility/prometheus_and_openmetrics.
 */
export type MetricKind = 'gauge' | 'counter' | 'other';

/** UCUM units (case-sensitive) and the words that metric names have for them. */
const unitWords = new Map(
  Object.entries({
    d: 'days',
    h: 'hours',
    min: 'minutes',
    s: 'seconds',
    ms: 'milliseconds',
    us: 'microseconds',
    ns: 'nanoseconds',
    By: 'bytes',
    KiBy: 'kibibytes',
    MiBy: 'mebibytes',
    GiBy: 'gibibytes',
    TiBy: 'tibibytes',
    KBy: 'kilobytes',
    MBy: 'megabytes',
    GBy: 'gigabytes',
    TBy: 'terabytes',
    m: 'meters',
    V: 'volts',
    A: 'amperes',
    J: 'joules',
    W: 'watts',
    g: 'grams',
    Cel: 'celsius',
    Hz: 'hertz',
    '1': '',
    '%': 'percent',
  }),
);

const perWords = new Map(
  Object.entries({ s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week', mo: 'month', y: 'year' }),
);

/** The name, or '' when no character of it can be kept. */
export function prometheusName(name: string, unit: string, kind: MetricKind): string {
  const words = wordsOf(name);
  const [main = '', per] = splitUnit(unit);
  const mainWord = wordsOf(translate(main, unitWords)).join('_');
  if (mainWord !== '' && !words.includes(mainWord)) words.push(mainWord);
  const perWord = per === undefined ? '' : wordsOf(translate(per, perWords)).join('_');
  // Also after a name that ends with it, as in Prometheus: its words never hold the two as one.
  if (perWord !== '') words.push('per', perWord);
  if (kind === 'counter') moveToEnd(words, 'total');
  // Only gauges: many counters of things have the unit "1" without being ratios.
  if (kind === 'gauge' && unit === '1') moveToEnd(words, 'ratio');
  const joined = words.join('_');
  return /^[0-9]/.test(joined) ? `_${joined}` : joined;
}

function wordsOf(text: string): string[] {
  return text.split(/[^a-zA-Z0-9:]+/).filter((word) => word !== '');
}

/** The unit before and after the first slash. */
function splitUnit(unit: string): [string, string?] {
  const slash = unit.indexOf('/');
  return slash < 0 ? [unit.trim()] : [unit.slice(0, slash).trim(), unit.slice(slash + 1).trim()];
}

/** Annotations such as `{request}` say nothing about the unit. */
function translate(unit: string, words: ReadonlyMap<string, string>): string {
  return /[{}]/.test(unit) ? '' : (words.get(unit) ?? unit);
}

function moveToEnd(words: string[], word: string): void {
  const kept = words.filter((other) => other !== word);
  words.splice(0, words.length, ...kept, word);
}
