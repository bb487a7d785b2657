/** Errors that every query API maps to its own envelope. `message` is for the client: no SQL, no secrets. */
export class QueryError extends Error {
  constructor(
    readonly kind:
      | 'bad_data'
      | 'limit'
      | 'timeout'
      | 'canceled'
      | 'busy'
      | 'unavailable'
      | 'unsupported'
      | 'execution'
      | 'not_found'
      | 'data_loss'
      | 'internal',
    message: string,
    readonly retryAfterSeconds?: number,
  ) {
    super(message);
    this.name = 'QueryError';
  }
}

/** HTTP status for each kind outside the query APIs, which have their own (`query/server/errors.ts`). */
export const queryErrorStatus: Record<QueryError['kind'], number> = {
  bad_data: 400,
  unsupported: 422,
  execution: 422,
  limit: 422,
  not_found: 404,
  canceled: 499,
  busy: 429,
  timeout: 504,
  unavailable: 503,
  data_loss: 500,
  internal: 500,
};
