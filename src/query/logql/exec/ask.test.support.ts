import { start, type TestLoki } from '../fixture.test.js';

export const second = 1_000_000_000n;

export interface Ask {
  /** Seconds after `start`. */
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

/** Multiples of the step since the epoch, from the one before `from` to the one after `to`; seconds after `start`. */
export function stepsOf({ from, to, step }: Ask): number[] {
  if (from === to) return [from];
  const origin = Number(start / second);
  const first = Math.floor((origin + from) / step) * step - origin;
  return Array.from({ length: Math.ceil((to - first) / step) + 1 }, (_, i) => first + i * step);
}

/** Series as `{labels} time=value …`, sorted; times in seconds after `start`. */
export async function ask(loki: TestLoki, query: string, { from, to, step }: Ask): Promise<string[]> {
  const answer = await loki.get('query_range', {
    query,
    start: String(start + BigInt(from) * second),
    end: String(start + BigInt(to) * second),
    step: String(step),
  });
  if (answer.status !== 200) return [`${answer.status} ${answer.body}`];
  return answer
    .json()
    .data.result.map(({ metric, values }) => {
      const labels = Object.entries(metric).map(([name, value]) => `${name}=${value}`);
      const points = values.map(
        ([time, value]) => `${Number(time) - Number(start / second)}=${digits(Number(value))}`,
      );
      return `{${labels.join(',')}} ${points.join(' ')}`;
    })
    .sort();
}

export function digits(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(7))) : String(value);
}
