import { QueryError } from '../../lake/query-error.js';
import type { QueryAnswer } from '../server/endpoint.js';
import type { QueryContext } from '../server/guard.js';
import { AnswerPieces } from './answer.js';
import type { FromThread, Question, SentError, Told, ToThread } from './protocol.js';
import { StatementRows } from './statement.js';

/** The main thread's side of one query that a query thread evaluates. */
export class RunningQuery {
  readonly answered: Promise<QueryAnswer>;
  #resolve!: (answer: QueryAnswer) => void;
  #reject!: (error: unknown) => void;
  /** Feeds hold chunks that the thread may still read, so they stay until the thread is done with the query. */
  readonly #statements = new Map<number, StatementRows>();
  #pieces: AnswerPieces | null = null;
  #databaseError: unknown;
  #ended = false;

  constructor(
    readonly id: number,
    private readonly ctx: QueryContext,
    private readonly post: (message: ToThread, transfer?: readonly ArrayBuffer[]) => void,
    /** Stops the evaluation, if need be with the thread. */
    readonly abort: () => void,
  ) {
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Takes a message of the thread; true when it was the query's last. */
  receive(message: Exclude<FromThread, { readonly type: 'ready' }>): boolean {
    switch (message.type) {
      case 'sql':
        this.#start(message);
        return false;
      case 'ask':
        void this.#answer(message);
        return false;
      case 'read':
        this.#statements.get(message.statement)?.read(message.batch);
        return false;
      case 'enough':
        this.#statements.get(message.statement)?.stop();
        return false;
      case 'piece':
        this.#piece(message);
        if (message.last) this.#end();
        return message.last;
      case 'failed':
        this.fail(this.#databaseError ?? fromThread(message.error));
        return true;
    }
  }

  /** The query ends without the thread: it was stopped or is gone. */
  fail(error: unknown): void {
    this.#end();
    this.#reject(this.ctx.signal.aborted ? this.ctx.signal.reason : error);
    this.#pieces?.fail(error instanceof Error ? error : new Error(String(error)));
  }

  #start(message: Extract<FromThread, { readonly type: 'sql' }>): void {
    // The session belongs to the guard, which takes it back with the first piece of the answer.
    if (this.#ended || this.#pieces) return;
    const rows = new StatementRows(this.ctx.session, message, this.post);
    this.#statements.set(message.statement, rows);
    rows.run().catch((error: unknown) => (this.#databaseError ??= error));
  }

  /** Whatever goes wrong here, the statement that reads the table itself will tell. */
  async #answer({ statement, question }: Extract<FromThread, { readonly type: 'ask' }>): Promise<void> {
    const found = this.#ended || this.#pieces ? undefined : this.#ask(question);
    const told = (await found?.catch(() => null)) ?? null;
    if (!this.#ended) this.post({ type: 'told', query: this.id, statement, told });
  }

  #ask(question: Question): Promise<Told> | undefined {
    const { session } = this.ctx;
    switch (question.of) {
      case 'metadata':
        return session.metadata?.(question.request);
      case 'listing':
        return session.listing?.(question.request);
      case 'rowsOf':
        return session.rowsOf?.(question.request);
      case 'spread':
        return session.spread?.(question.request);
      case 'valuesOf':
        return session.valuesOf?.(question.request);
      case 'lineTimes':
        return session.lineTimes?.(question.request);
      case 'series':
        return session.series?.(question.request);
      case 'samples':
        return session.samples?.(question.request);
      case 'recentSets':
        return session.recentSets?.(question.request);
    }
  }

  #piece({
    contentType,
    contentEncoding,
    bytes,
    last,
  }: Extract<FromThread, { readonly type: 'piece' }>): void {
    const head = { contentType, ...(contentEncoding && { contentEncoding }) };
    if (this.#pieces === null && last) {
      this.#resolve({ ...head, body: bytes });
      return;
    }
    if (this.#pieces === null) {
      const more = () => {
        if (!this.#ended) this.post({ type: 'more', query: this.id });
      };
      this.#pieces = new AnswerPieces(more, () => this.#abandon(), this.ctx.limits.timeoutMs);
      for (const rows of this.#statements.values()) rows.stop();
      this.#statements.clear();
      this.#resolve({ ...head, body: this.#pieces });
    }
    this.#pieces.push(bytes, last);
  }

  #abandon(): void {
    if (!this.#ended) this.abort();
  }

  #end(): void {
    this.#ended = true;
    for (const rows of this.#statements.values()) rows.stop();
    this.#statements.clear();
  }
}

function fromThread({ kind, message, retryAfterSeconds }: SentError): Error {
  return kind === null ? new Error(message) : new QueryError(kind, message, retryAfterSeconds);
}
