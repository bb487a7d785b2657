import { getJson } from '../../api/client';
import { useQuery } from '../../api/use-query';
import { Shown } from '../../app/states';
import { formatBytes, formatNumber } from '../../format/numbers';

interface CatalogStatus {
  readonly catalog: string;
  readonly dataPath: string;
  readonly snapshotId: number;
  readonly ducklakeVersion: string;
  readonly files: number;
  readonly bytes: number;
  readonly tables: readonly {
    table: string;
    rows: number;
    inlinedRows: number;
    files: number;
    bytes: number;
  }[];
}

interface Maintenance {
  readonly paused: boolean;
  readonly running: unknown;
  readonly lastCheckpoint: unknown;
  readonly lastRetention: unknown;
  readonly consecutiveFailures: number;
}

/** The catalog by table, and what maintenance did last. */
export function CatalogView({ tick }: { readonly tick: number }) {
  const catalog = useQuery(`catalog ${tick}`, (signal) =>
    getJson<CatalogStatus>('/api/admin/catalog', {}, signal),
  );
  const maintenance = useQuery(`maintenance ${tick}`, (signal) =>
    getJson<Maintenance>('/api/admin/maintenance', {}, signal),
  );
  return (
    <>
      <section class="card" aria-labelledby="catalog">
        <h2 id="catalog">Catalog</h2>
        <Shown query={catalog} what="Reading the catalog">
          {({ catalog: name, dataPath, snapshotId, ducklakeVersion, files, bytes, tables }) => (
            <>
              <p>
                {name}, DuckLake {ducklakeVersion}, snapshot {snapshotId}: {formatNumber(files)} files,{' '}
                {formatBytes(bytes)} in <code>{dataPath}</code>
              </p>
              <div class="scroll">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Table</th>
                      {['rows', 'of them in the catalog', 'files', 'bytes'].map((title) => (
                        <th key={title} scope="col" class="number">
                          {title}
                        </th>
                      ))}
                    </tr>
                  </thead>
                  <tbody>
                    {tables.map((table) => (
                      <tr key={table.table}>
                        <th scope="row">{table.table}</th>
                        <td class="number">{formatNumber(table.rows)}</td>
                        <td class="number">{formatNumber(table.inlinedRows)}</td>
                        <td class="number">{formatNumber(table.files)}</td>
                        <td class="number">{formatBytes(table.bytes)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            </>
          )}
        </Shown>
      </section>
      <section class="card" aria-labelledby="maintenance">
        <h2 id="maintenance">Maintenance</h2>
        <Shown query={maintenance} what="Reading maintenance">
          {(state) => (
            <>
              <p>
                {state.paused ? <span class="bad-text">Paused.</span> : 'Going on by itself.'}{' '}
                {state.running ? 'Something runs now.' : 'Nothing runs now.'} {state.consecutiveFailures}{' '}
                failures in a row.
              </p>
              <details>
                <summary>Last checkpoint and retention</summary>
                <pre tabIndex={0}>
                  {JSON.stringify(
                    { lastCheckpoint: state.lastCheckpoint, lastRetention: state.lastRetention },
                    null,
                    2,
                  )}
                </pre>
              </details>
            </>
          )}
        </Shown>
      </section>
    </>
  );
}
