import type { PayloadContext } from './batch/context.js';
import { ResourceScopeColumns } from './batch/resource-scope.js';
import type { TableBuilder } from './batch/table.js';

/** Messages that become a row each of one table. */
export abstract class TableRecords {
  readonly tables: readonly TableBuilder[];
  readonly resourceScopes: readonly ResourceScopeColumns[];

  constructor(
    protected readonly context: PayloadContext,
    protected readonly table: TableBuilder,
  ) {
    this.tables = [table];
    this.resourceScopes = [new ResourceScopeColumns(table)];
  }

  /** One record; adds a row or a rejection. */
  record(pos: number, end: number): void {
    const { context, table } = this;
    const { arena } = context.writer;
    const text = context.beginRecord();
    const row = table.rows;
    try {
      this.read(pos, end);
      arena.check();
    } catch (error) {
      context.rejectOverLimit(error);
      table.truncate(row);
      arena.length = text;
    }
    if (table.rows > row) context.budget.charge(arena.length - text + table.rowBytes);
  }

  /** Writes one row, or counts a rejection. Throws RecordOverLimit with the row half written. */
  protected abstract read(pos: number, end: number): void;
}
