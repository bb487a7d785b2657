import { metricSum } from './metrics.js';
import { eventually, sql, startServer, type TestServer } from './server.js';

export const json = { 'content-type': 'application/json' };
/** Nanoseconds of milliseconds. */
export const ns = (ms: number): string => `${ms}000000`;

const apiKey = 'door-key';

interface Stream {
  readonly stream: Record<string, string>;
  readonly values: [string, string][];
}

/** A server with a key that clients of all protocols send to. */
export class DoorServer {
  readonly url: string;
  readonly key = { authorization: `Bearer ${apiKey}` };

  private constructor(readonly server: TestServer) {
    this.url = server.url;
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<DoorServer> {
    return new DoorServer(await startServer({ env: { CANARDSTACK_API_KEY: apiKey, ...env } }));
  }

  post(
    path: string,
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array,
  ): Promise<Response> {
    return fetch(this.url + path, {
      method: 'POST',
      headers: { ...this.key, ...headers },
      body: typeof body === 'string' ? body : Uint8Array.from(body),
    });
  }

  sql(select: string): Promise<Record<string, unknown>[]> {
    return sql({ ...this.server, headers: this.key }, select);
  }

  async loki(query: string): Promise<Stream[]> {
    const response = await fetch(`${this.url}/loki/api/v1/query_range?query=${encodeURIComponent(query)}`, {
      headers: this.key,
    });
    const { data } = (await response.json()) as { data: { result: Stream[] } };
    return data.result;
  }

  /** Streams of the query, once they have so many lines. */
  found(query: string, lines = 1): Promise<Stream[]> {
    return eventually(async () => {
      const streams = await this.loki(query);
      return streams.flatMap(({ values }) => values).length >= lines ? streams : undefined;
    });
  }

  metric(name: string): Promise<number> {
    return metricSum(this.server, name);
  }
}

export function linesOf(streams: readonly Stream[]): string[] {
  return streams.flatMap(({ values }) => values.map(([, line]) => line)).sort();
}
