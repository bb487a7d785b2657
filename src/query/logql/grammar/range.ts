import { goQuote } from '../../text/go-quote.js';

const longestRange = 9.2e9;
/** The largest first, as they have to be written. */
const unitSeconds: ReadonlyMap<string, number> = new Map([
  ['y', 31_536_000],
  ['w', 604_800],
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
  ['ms', 0.001],
]);
const durationUnits = [...unitSeconds.keys()];

/** What Loki says of a text that is no duration as Prometheus writes them, which ranges are. */
export function rangeFault(text: string): string | undefined {
  if (text === '0') return undefined;
  if (text === '') return 'empty duration string';
  const none = `not a valid duration string: ${goQuote(text)}`;
  let last = -1;
  let seconds = 0;
  for (let rest = text; rest !== '';) {
    const [all = '', digits = '', unit = ''] = /^(\d+)([^\d]+)/.exec(rest) ?? [];
    if (all === '' || digits.length > 19) return none;
    const at = durationUnits.indexOf(unit);
    if (at < 0) return `unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`;
    if (at <= last) return none;
    last = at;
    seconds += Number(digits) * (unitSeconds.get(unit) ?? 0);
    if (seconds > longestRange) return 'duration out of range';
    rest = rest.slice(all.length);
  }
  return undefined;
}
