import { runSql } from '../../api/sql';
import { useQuery } from '../../api/use-query';
import { Shown } from '../../app/states';

interface Table {
  readonly name: string;
  readonly columns: readonly (readonly [name: string, type: string])[];
}

async function loadTables(signal: AbortSignal): Promise<Table[]> {
  const { rows } = await runSql('SHOW ALL TABLES', 1000, signal);
  const tables: Table[] = [];
  for (const [database, , name, names, types] of rows) {
    if (database !== 'lake' || typeof name !== 'string') continue;
    const list = (value: unknown) => (Array.isArray(value) ? value.map(String) : []);
    const columnTypes = list(types);
    tables.push({ name, columns: list(names).map((column, i) => [column, columnTypes[i] ?? ''] as const) });
  }
  return tables;
}

/** Tables and views of the lake, with their columns. */
export function Schema({ insert }: { readonly insert: (sql: string) => void }) {
  const tables = useQuery('tables', loadTables);
  return (
    <aside class="card catalog" aria-label="Tables">
      <h2>Tables</h2>
      <Shown query={tables} what="Reading the schema">
        {(data) => (
          <ul class="plain-list">
            {data.map(({ name, columns }) => (
              <li key={name}>
                <details>
                  <summary>
                    <span class="mono">{name}</span>
                  </summary>
                  <button type="button" onClick={() => insert(`SELECT *\nFROM lake.${name}\nLIMIT 100`)}>
                    First 100 rows
                  </button>
                  <ul class="plain-list">
                    {columns.map(([column, type]) => (
                      <li key={column}>
                        <span class="mono">{column}</span> <span class="faint">{type}</span>
                      </li>
                    ))}
                  </ul>
                </details>
              </li>
            ))}
          </ul>
        )}
      </Shown>
    </aside>
  );
}
