import type { Config } from '../config/index.js';
import { Client } from './client.js';

export interface HealthcheckResult {
  readonly ok: boolean;
  readonly url: string;
  /** Why it is not ok; empty when it is. */
  readonly reasons: readonly string[];
}

/** Asks /healthz, or /readyz, of the server that `config` describes. Never rejects. */
export async function healthcheck(
  config: Config,
  options: { ready: boolean; timeoutMs: number },
): Promise<HealthcheckResult> {
  const path = options.ready ? '/readyz' : '/healthz';
  let url = config.bind;
  try {
    const client = await Client.forConfig(config);
    url = `${client.url}${path}`;
    const response = await client.call(path, { timeoutMs: options.timeoutMs }).catch((error: unknown) => {
      if (!speaksPlainHttp(error)) throw error;
      const plain = new Client(client.url.replace(/^https:/, 'http:'));
      url = `${plain.url}${path}`;
      return plain.call(path, { timeoutMs: options.timeoutMs });
    });
    if (response.status === 200) return { ok: true, url, reasons: [] };
    return { ok: false, url, reasons: reasonsOf(response.text) ?? [`HTTP ${response.status}`] };
  } catch (error) {
    return { ok: false, url, reasons: [error instanceof Error ? error.message : String(error)] };
  }
}

/** The health port of serve-catalog does, whatever certificate nodes are served with. */
function speaksPlainHttp(error: unknown): boolean {
  const { cause } = error as { cause?: { code?: unknown; message?: unknown } };
  // OpenSSL names it in its text alone.
  return (
    cause?.code === 'EPROTO' && /wrong version number|packet length too long/.test(String(cause.message))
  );
}

function reasonsOf(text: string): string[] | null {
  try {
    const { reasons } = JSON.parse(text) as { reasons?: unknown };
    return Array.isArray(reasons) && reasons.length > 0 ? reasons.map(String) : null;
  } catch {
    return null;
  }
}
