import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isConflict, isSchemaForgotten } from './retry.js';

describe('errors after which a statement is tried again', () => {
  it('are told by what DuckDB and PostgreSQL say', () => {
    const forgotten = new Error(
      'Catalog Error: Table with name "main.ducklake_schema" does not exist because schema "main" does not exist.',
    );
    assert.ok(isSchemaForgotten(forgotten));
    assert.ok(!isConflict(forgotten));
    assert.ok(
      !isSchemaForgotten(new Error('Catalog Error: Table with name ducklake_schema does not exist!')),
    );
    assert.ok(isConflict(new Error('TransactionContext Error: Transaction conflict - attempting to insert')));
    assert.ok(!isConflict(new Error('IO Error: no space left on device')));
  });
});
