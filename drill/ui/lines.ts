const perRequest = 5000;
const atOnce = 4;
const levels = [
  [9, 'INFO'],
  [9, 'INFO'],
  [9, 'INFO'],
  [5, 'DEBUG'],
  [13, 'WARN'],
  [17, 'ERROR'],
] as const;

/** In one line alone of all that are sent. */
export const needle = 'needle-7f3a';

interface Lines {
  readonly count: number;
  /** They are spread evenly from the first of these times to the last. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Whether the line in the middle has the needle. */
  readonly needle: boolean;
}

/** Sends log lines of twelve services by OTLP/HTTP, and again what is refused for now. */
export async function sendLines(url: string, lines: Lines, say: (sent: number) => void): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < lines.count) {
      const first = next;
      const count = Math.min(perRequest, lines.count - first);
      next += count;
      await post(url, body(lines, first, count));
      say(count);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function post(url: string, text: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: text,
    });
    const answer = await response.text();
    if (response.ok) return;
    if (response.status !== 429 && response.status !== 503)
      throw new Error(`the server answered ${response.status}: ${answer}`);
    const seconds = Number(response.headers.get('retry-after')) || 1;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

function body({ count: all, fromMs, toMs, needle: hasNeedle }: Lines, first: number, count: number): string {
  const service = `service-${(first / perRequest) % 12}`;
  const logRecords = Array.from({ length: count }, (_, i) => {
    const n = first + i;
    const [severityNumber, severityText] = levels[n % levels.length] ?? levels[0];
    const mark = hasNeedle && n === Math.floor(all / 2) ? ` ${needle}` : '';
    const route = `/route/${n % 40}`;
    return {
      timeUnixNano: `${Math.floor(fromMs + ((toMs - fromMs) * n) / all)}${String(n % 1_000_000).padStart(6, '0')}`,
      ...{ severityNumber, severityText },
      body: { stringValue: `GET ${route} answered ${n % 7 === 0 ? 500 : 200} in ${n % 997} ms${mark}` },
      attributes: [
        { key: 'http.route', value: { stringValue: route } },
        { key: 'duration_ms', value: { intValue: String(n % 997) } },
      ],
    };
  });
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
  return JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
}
