import type { DuckDBConnection } from '@duckdb/node-api';

/** The only statements that are taken for reading, on connections that are for reading: nothing of theirs is committed. */
const reading = /^\s*(?:\/\*[^*]*\*\/\s*)?(?:SELECT|FROM|BEGIN TRANSACTION READ ONLY|ROLLBACK|DESCRIBE)\b/i;

/**
 * Tells whether anything of this process may have committed since a moment. It looks at every statement of every connection, so
 * that nobody who commits has to think of it.
 */
export class CommitWatch {
  #running = 0;
  #begun = 0;

  /** The same number as before: nothing was committed since. Null while something may be. */
  get mark(): number | null {
    return this.#running === 0 ? this.#begun : null;
  }

  /** The same connection, whose statements are seen from now on. `reads`: those that read are let pass. */
  watched(connection: DuckDBConnection, reads = false): DuckDBConnection {
    return new Proxy(connection, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function' || name === 'constructor') return member;
        return (...args: unknown[]): unknown => {
          const call = () => Reflect.apply(member, target, args) as unknown;
          const [sql] = args;
          return reads && typeof sql === 'string' && reading.test(sql) ? call() : this.#watch(call);
        };
      },
    });
  }

  #watch(call: () => unknown): unknown {
    this.#begun++;
    const given = call();
    if (!(given instanceof Promise)) return given;
    this.#running++;
    const ended = () => void this.#running--;
    given.then(ended, ended);
    return given;
  }
}
