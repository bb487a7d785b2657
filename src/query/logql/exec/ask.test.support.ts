import { start, type TestLoki } from '../fixture.test.js';

export const second = 1_000_000_000n;

export interface Ask {
  /** Seconds after `start`. */
  readonly from: number;
  readonly to: number;
  readonly step: number;
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
