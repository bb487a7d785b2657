import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstLine, isFatal } from './index.js';

describe('messages of DuckDB', () => {
  it('lose the SQL that they quote, rows of a commit included', () => {
    assert.equal(
      firstLine(new Error('Binder Error: no such column\n\nLINE 1: SELECT x')),
      'Binder Error: no such column',
    );
    const refused =
      'TransactionContext Error: Failed to commit: Failed to execute query "INSERT INTO "public".t VALUES (\'my ": row\');": ' +
      'ERROR:  duplicate key value violates unique constraint "ducklake_snapshot_pkey"\nDETAIL:  Key (snapshot_id)=(4) already exists.';
    assert.equal(
      firstLine(new Error(refused)),
      'TransactionContext Error: Failed to commit: Failed to execute query: ' +
        'ERROR:  duplicate key value violates unique constraint "ducklake_snapshot_pkey"\nDETAIL:  Key (snapshot_id)=(4) already exists.',
    );
  });

  it('lose the connection string of PostgreSQL', () => {
    assert.equal(
      firstLine(
        new Error(
          'IO Error: Failed to attach DuckLake MetaData "x" at path + "postgres:host=h user=u"Unable to connect to ' +
            'Postgres at "host=h user=u": connection to server at "h", port 1 failed: Connection refused',
        ),
      ),
      'IO Error: Failed to attach DuckLake MetaData "x": Unable to connect to Postgres: connection to server at "h", ' +
        'port 1 failed: Connection refused',
    );
  });

  it('tell when the instance must be opened again', () => {
    assert.ok(isFatal(new Error('FATAL Error: x')));
    assert.ok(
      isFatal(
        new Error(
          'Failed to prepare COPY "...": ERROR:  relation "public.ducklake_inlined_data_2_3" does not exist',
        ),
      ),
    );
    assert.ok(!isFatal(new Error('IO Error: server closed the connection unexpectedly')));
  });
});
