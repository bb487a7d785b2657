import { getJson } from '../../api/client';
import { useQuery } from '../../api/use-query';
import { useRange } from '../../app/range';
import { Shown } from '../../app/states';
import { formatTime } from '../../app/time';
import { counted, formatSeconds } from '../../format/numbers';
import type { Action } from './action';
import { Scroll } from '../../table/scroll';

interface State {
  readonly paused: boolean;
  readonly running: string | null;
  readonly consecutiveFailures: number;
  readonly clock?: { readonly reason: string; readonly cure: string } | null;
  readonly held?: { readonly reason: string; readonly how: string } | null;
  readonly damaged?: readonly { readonly key: string; readonly table: string; readonly problem: string }[];
  readonly history?: readonly {
    readonly task: string;
    readonly at: string;
    readonly status: string;
    readonly milliseconds: number;
    readonly error?: string;
  }[];
}

interface SetAside {
  readonly name: string;
  readonly signal: string;
  readonly reason?: string;
}

const maintenance = '/api/admin/maintenance';

interface Props {
  readonly tick: number;
  readonly act: (action: Action) => void;
}

/** What needs somebody, and what maintenance did. */
export function MaintenanceView({ tick, act }: Props) {
  const { utc } = useRange();
  const state = useQuery(`maintenance ${tick}`, (signal) => getJson<State>(maintenance, {}, signal));
  return (
    <section class="card" aria-labelledby="maintenance">
      <h2 id="maintenance">Maintenance</h2>
      <Shown query={state} what="Reading maintenance">
        {({ paused, running, consecutiveFailures, clock, held, damaged = [], history = [] }) => (
          <>
            <p>
              {paused ? <span class="bad-text">Paused.</span> : 'Going on by itself.'}{' '}
              {running === null ? 'Nothing runs now.' : `Now: ${running}.`}{' '}
              {consecutiveFailures > 0 && (
                <span class="bad-text">{counted(consecutiveFailures, 'failure')} in a row.</span>
              )}
            </p>
            {held && (
              <p class="bad-text">
                Retention waits: {held.reason}. {held.how}
              </p>
            )}
            {clock && (
              <p class="bad-text">
                {clock.reason}: {clock.cure}{' '}
                <button
                  type="button"
                  onClick={() =>
                    act({
                      title: 'Believe the clock',
                      says: '',
                      path: `${maintenance}/clock/accept`,
                      dryRun: { path: `${maintenance}/clock`, method: 'GET' },
                    })
                  }
                >
                  Believe the clock…
                </button>
              </p>
            )}
            {damaged.length > 0 && (
              <>
                <h3 class="bad-text">Damaged files</h3>
                <ul class="plain-list">
                  {damaged.slice(0, 100).map(({ key, table, problem }) => (
                    <li key={key}>
                      <span class="mono">{key}</span> ({table}): {problem}{' '}
                      <button
                        type="button"
                        onClick={() =>
                          act({
                            title: 'Give up its rows',
                            says: '',
                            path: `${maintenance}/forget-file`,
                            body: { paths: [key] },
                            dryRun: {
                              path: `${maintenance}/forget-file`,
                              body: { paths: [key], dryRun: true },
                            },
                          })
                        }
                      >
                        Give up its rows…
                      </button>
                    </li>
                  ))}
                </ul>
              </>
            )}
            {history.length === 0 ? (
              <p class="faint">This process has run nothing yet.</p>
            ) : (
              <Scroll label="History of maintenance" class="history">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Ended</th>
                      <th scope="col">Task</th>
                      <th scope="col" class="number">
                        Took
                      </th>
                      <th scope="col">Outcome</th>
                    </tr>
                  </thead>
                  <tbody>
                    {history.map(({ task, at, status, milliseconds, error = '' }, i) => (
                      <tr key={i}>
                        <td>{formatTime(Date.parse(at), utc, false)}</td>
                        <td>{task}</td>
                        <td class="number">{formatSeconds(milliseconds / 1000)}</td>
                        <td class={status === 'ok' ? 'good-text' : 'bad-text'}>
                          {status} {error}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </Scroll>
            )}
          </>
        )}
      </Shown>
      <AsideRecords tick={tick} act={act} />
    </section>
  );
}

/** Records at which decoding or a commit failed for good. A node without ingest has none. */
function AsideRecords({ tick, act }: Props) {
  const found = useQuery(`aside ${tick}`, (signal) =>
    getJson<{ records: readonly SetAside[] }>('/api/admin/spool', {}, signal).catch(() => ({ records: [] })),
  );
  const records = found.data?.records ?? [];
  if (records.length === 0) return null;
  const change = (title: string, path: string, name: string): Action => ({
    title,
    says: '',
    path,
    body: { names: [name] },
    dryRun: { path, body: { names: [name], dryRun: true } },
  });
  return (
    <>
      <h3 class="bad-text">Set aside of the spool</h3>
      <ul class="plain-list">
        {records.slice(0, 100).map(({ name, signal, reason = '' }) => (
          <li key={name}>
            <span class="mono">{name}</span> ({signal}) {reason}{' '}
            <button type="button" onClick={() => act(change('Try it again', '/api/admin/spool/retry', name))}>
              Try it again…
            </button>{' '}
            <button type="button" onClick={() => act(change('Delete it', '/api/admin/spool/remove', name))}>
              Delete it…
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
