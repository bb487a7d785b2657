import type { DuckDBConnection } from '@duckdb/node-api';
import { inTransaction, LakeError, literal, messageOf, timestampLiteral } from '../duckdb/index.js';
import type { InstanceHost } from './host.js';
import { withInliningLimit } from './inlining.js';
import { isConflict } from './retry.js';
import type { DashboardEntry, Dashboards, KeptDashboard } from './types.js';
import type { Writer } from './writer.js';

/** Dashboards of the web pages, as JSON text. The rows stay in the catalog (docs/decisions/0024-dashboards.md). */
export const dashboardTable = 'canardstack_dashboards';
/** As many are kept at most: all of them are read for the list. */
const mostDashboards = 1000;

const writeTimeoutMs = 30_000;
const attempts = 5;

interface Parts {
  readonly host: Pick<InstanceHost, 'using'>;
  readonly writer: Pick<Writer, 'exclusive'>;
  readonly readOnly: boolean;
}

export function dashboardsOf({ host, writer, readOnly }: Parts): Dashboards {
  const change = async <T>(
    id: string,
    expected: number | null,
    work: (connection: DuckDBConnection, revision: number) => Promise<T>,
  ): Promise<T | 'changed'> => {
    if (readOnly) throw new LakeError('read_only', 'the lake is open for reading only');
    for (let attempt = 1; ; attempt++) {
      try {
        return await writer.exclusive(writeTimeoutMs, (connection) =>
          withInliningLimit(connection, Number.MAX_SAFE_INTEGER, () =>
            inTransaction(connection, async () => {
              const revision = await revisionOf(connection, id);
              if (revision !== (expected ?? 0)) return 'changed' as const;
              await connection.run(`DELETE FROM lake.main.${dashboardTable} WHERE id = ${literal(id)}`);
              return work(connection, revision);
            }),
          ),
        );
      } catch (error) {
        if (attempt === attempts || !isConflict(error)) throw error;
      }
    }
  };
  return {
    list: () => host.using(entries),
    get: (id) => host.using((connection) => kept(connection, id)),
    async put(id, { title, body }, expected) {
      return change(id, expected, async (connection, revision) => {
        if (revision === 0 && (await count(connection)) >= mostDashboards) return 'full' as const;
        const now = Date.now();
        await connection.run(
          `INSERT INTO lake.main.${dashboardTable} (id, revision, title, body, updated_at)
           VALUES (${literal(id)}, ${revision + 1}, ${literal(title)}, ${literal(body)}, ${timestampLiteral(now)})`,
        );
        return { id, title, revision: revision + 1, updatedMs: now };
      });
    },
    async remove(id, expected) {
      return change(id, expected, () => Promise.resolve('removed' as const));
    },
  };
}

async function entries(connection: DuckDBConnection): Promise<DashboardEntry[]> {
  const rows = await rowsOf(
    connection,
    `SELECT id, revision, title, epoch_ms(updated_at) FROM lake.main.${dashboardTable} ORDER BY lower(title), id`,
  );
  return rows.map(entry);
}

async function kept(connection: DuckDBConnection, id: string): Promise<KeptDashboard | null> {
  const [row] = await rowsOf(
    connection,
    `SELECT id, revision, title, epoch_ms(updated_at), body FROM lake.main.${dashboardTable} WHERE id = ${literal(id)}`,
  );
  return row ? { ...entry(row), body: String(row[4]) } : null;
}

function entry([id, revision, title, updated]: readonly unknown[]): DashboardEntry {
  return { id: String(id), revision: Number(revision), title: String(title), updatedMs: Number(updated) };
}

/** 0 when there is none. */
async function revisionOf(connection: DuckDBConnection, id: string): Promise<number> {
  const [row] = await rowsOf(
    connection,
    `SELECT max(revision) FROM lake.main.${dashboardTable} WHERE id = ${literal(id)}`,
  );
  return Number(row?.[0] ?? 0);
}

async function count(connection: DuckDBConnection): Promise<number> {
  const [row] = await rowsOf(connection, `SELECT count(*) FROM lake.main.${dashboardTable}`);
  return Number(row?.[0]);
}

/** None on a lake of an earlier release, opened for reading only: it has no such table. */
async function rowsOf(connection: DuckDBConnection, sql: string): Promise<unknown[][]> {
  try {
    return (await connection.runAndReadAll(sql)).getRows();
  } catch (error) {
    if (/^Catalog Error.*canardstack_dashboards/.test(messageOf(error))) return [];
    throw error;
  }
}
