import { useState } from 'preact/hooks';
import { getJson } from '../../api/client';
import { useQuery } from '../../api/use-query';
import { Shown } from '../../app/states';
import { Snapshots } from './contents';
import { formatBytes, formatNumber } from '../../format/numbers';
import { Scroll } from '../../table/scroll';

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

/** The catalog by table, and its snapshots. */
export function CatalogView({ tick }: { readonly tick: number }) {
  const catalog = useQuery(`catalog ${tick}`, (signal) =>
    getJson<CatalogStatus>('/api/admin/catalog', {}, signal),
  );
  const [open, setOpen] = useState(false);
  return (
    <section class="card" aria-labelledby="catalog">
      <h2 id="catalog">Catalog</h2>
      <Shown query={catalog} what="Reading the catalog">
        {({ catalog: name, dataPath, snapshotId, ducklakeVersion, files, bytes, tables }) => (
          <>
            <p>
              {name}, DuckLake {ducklakeVersion}, snapshot {snapshotId}: {formatNumber(files)} files,{' '}
              {formatBytes(bytes)} in <code>{dataPath}</code>
            </p>
            <Scroll label="Tables of the catalog">
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
            </Scroll>
          </>
        )}
      </Shown>
      <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Snapshots</summary>
        <Snapshots tick={tick} open={open} />
      </details>
    </section>
  );
}
