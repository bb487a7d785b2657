import { createHash } from 'node:crypto';

const remembered = 256;
/** A request that may change the catalog; those that only read may be sent as often as one likes. */
const changing = /\b(insert into|update|delete from|ducklake_commit\s*\()/i;

/**
 * Requests whose answer never came, so that an HTTP client which sends one again on its own account is stopped: the
 * server may have done it already. DuckDB numbers its requests, so a new attempt is another request.
 */
export class UnansweredRequests {
  readonly #seen = new Set<string>();

  /** What `refuses` and `add` know the request by; null when it may be sent again. */
  key(body: Buffer): string | null {
    return changing.test(body.toString('latin1')) ? createHash('sha256').update(body).digest('base64') : null;
  }

  refuses(key: string | null): boolean {
    return key !== null && this.#seen.has(key);
  }

  add(key: string | null): void {
    if (key === null) return;
    this.#seen.add(key);
    const [oldest] = this.#seen;
    if (this.#seen.size > remembered && oldest !== undefined) this.#seen.delete(oldest);
  }
}
