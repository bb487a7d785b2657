import { getJson } from '../../api/client';
import { useQuery } from '../../api/use-query';
import { useRange } from '../../app/range';
import { Shown } from '../../app/states';
import { formatTime } from '../../app/time';
import { counted, formatBytes, formatNumber, formatSeconds } from '../../format/numbers';
import { Scroll } from '../../table/scroll';

const catalog = '/api/admin/catalog';

interface DayFiles {
  readonly table: string;
  readonly day: string | null;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
}

const shownDays = 60;

/** What lies in Parquet: bytes and files of each table by day. */
export function FilesByDay({ tick }: { readonly tick: number }) {
  const found = useQuery(`files ${tick}`, (signal) =>
    getJson<{ files: readonly DayFiles[] }>(`${catalog}/files`, {}, signal),
  );
  return (
    <section class="card" aria-labelledby="files">
      <h2 id="files">Files by table and day</h2>
      <Shown query={found} what="Reading the list of files">
        {({ files }) => {
          const tables = [...new Set(files.map(({ table }) => table))].sort();
          const days = [...new Set(files.map(({ day }) => day ?? 'no day'))];
          if (files.length === 0) return <p class="faint">No files yet: all rows are in the catalog.</p>;
          const of = (day: string, table: string) =>
            files.find((one) => one.table === table && (one.day ?? 'no day') === day);
          return (
            <Scroll label="Files">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Day</th>
                    {tables.map((table) => (
                      <th key={table} scope="col" class="number">
                        {table}
                      </th>
                    ))}
                    <th scope="col" class="number">
                      together
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {days.slice(0, shownDays).map((day) => (
                    <tr key={day}>
                      <th scope="row">{day}</th>
                      {tables.map((table) => {
                        const one = of(day, table);
                        return (
                          <td key={table} class="number" title={one && `${formatNumber(one.rows)} rows`}>
                            {one ? `${formatBytes(one.bytes)}, ${counted(one.files, 'file')}` : ''}
                          </td>
                        );
                      })}
                      <td class="number">
                        {formatBytes(
                          files
                            .filter((one) => (one.day ?? 'no day') === day)
                            .reduce((sum, { bytes }) => sum + bytes, 0),
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {days.length > shownDays && (
                <p class="faint">
                  The newest {shownDays} of {days.length} days.
                </p>
              )}
            </Scroll>
          );
        }}
      </Shown>
    </section>
  );
}

interface Backup {
  readonly path: string;
  readonly createdAt: string;
  readonly ageSeconds: number;
  readonly snapshotId: number;
  readonly bytes: number;
}

export function Backups({ tick }: { readonly tick: number }) {
  const { utc } = useRange();
  const found = useQuery(`backups ${tick}`, (signal) =>
    getJson<{ backups: readonly Backup[] }>(`${catalog}/backups`, {}, signal),
  );
  return (
    <section class="card" aria-labelledby="backups">
      <h2 id="backups">Backups of the catalog</h2>
      <Shown query={found} what="Looking for backups">
        {({ backups }) =>
          backups.length === 0 ? (
            <p class="warn-text">There is none yet. “Back up the catalog” above makes one.</p>
          ) : (
            <Scroll label="Backups">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Made</th>
                    <th scope="col" class="number">
                      Age
                    </th>
                    <th scope="col" class="number">
                      Snapshot
                    </th>
                    <th scope="col" class="number">
                      Bytes
                    </th>
                    <th scope="col">Where</th>
                  </tr>
                </thead>
                <tbody>
                  {backups.slice(0, 50).map(({ path, createdAt, ageSeconds, snapshotId, bytes }) => (
                    <tr key={path}>
                      <td>{formatTime(Date.parse(createdAt), utc, false)}</td>
                      <td class="number">{formatSeconds(ageSeconds)}</td>
                      <td class="number">{snapshotId}</td>
                      <td class="number">{formatBytes(bytes)}</td>
                      <td class="mono">{path}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          )
        }
      </Shown>
    </section>
  );
}

/** The newest snapshots, asked for when they are opened. */
export function Snapshots({ tick, open }: { readonly tick: number; readonly open: boolean }) {
  const { utc } = useRange();
  const found = useQuery(open ? `snapshots ${tick}` : null, (signal) =>
    getJson<{ snapshots: readonly { id: number; at: string; changes: string }[] }>(
      `${catalog}/snapshots`,
      {},
      signal,
    ),
  );
  return (
    <Shown query={found} what="Reading snapshots">
      {({ snapshots }) => (
        <Scroll label="Snapshots" class="snapshots">
          <table>
            <thead>
              <tr>
                <th scope="col" class="number">
                  Snapshot
                </th>
                <th scope="col">Made</th>
                <th scope="col">Changes</th>
              </tr>
            </thead>
            <tbody>
              {snapshots.map(({ id, at, changes }) => (
                <tr key={id}>
                  <td class="number">{id}</td>
                  <td>{formatTime(Date.parse(at), utc)}</td>
                  <td class="mono">{changes.slice(0, 200)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Shown>
  );
}
