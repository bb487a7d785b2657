import { useRef, useState } from 'preact/hooks';
import {
  convertDashboard,
  listDashboards,
  makeDashboard,
  type Dashboard,
  type ImportNote,
} from '../../api/dashboards';
import { ApiError } from '../../api/client';
import { useQuery } from '../../api/use-query';
import { Link } from '../../app/link';
import { go, linkTo } from '../../app/location';
import { useRange } from '../../app/range';
import { useAccess } from '../../app/session';
import { Empty, Shown } from '../../app/states';
import { formatTime } from '../../app/time';
import { emptyDashboard, servicesDashboard } from './starters';

interface Imported {
  readonly dashboard: Dashboard;
  readonly notes: readonly ImportNote[];
}

/** The dashboards that the lake keeps, and ways to one more. */
export function List() {
  const { utc } = useRange();
  const { admin } = useAccess();
  const all = useQuery('dashboards', listDashboards);
  const [problem, setProblem] = useState('');
  const [imported, setImported] = useState<Imported>();
  const attempt = async (work: () => Promise<void>) => {
    setProblem('');
    try {
      await work();
    } catch (error) {
      setProblem(error instanceof ApiError || error instanceof SyntaxError ? error.message : String(error));
    }
  };
  const make = (dashboard: Dashboard, edit: boolean) =>
    void attempt(async () => {
      const { id } = await makeDashboard(dashboard);
      go(linkTo(`dashboards/${id}`, edit ? { edit: 'on' } : {}));
    });
  const read = (file: File | undefined) =>
    void attempt(async () => {
      if (!file) return;
      const text = await file.text();
      setImported(await convertDashboard(JSON.parse(text)));
    });
  return (
    <>
      <div class="row">
        <h1 class="grow">Dashboards</h1>
        {admin && <MakeButtons make={make} read={read} />}
      </div>
      {problem !== '' && (
        <div class="error-box" role="alert">
          {problem}
        </div>
      )}
      {imported && (
        <ImportReport
          imported={imported}
          keep={() => make(imported.dashboard, false)}
          leave={() => setImported(undefined)}
        />
      )}
      <div class="card">
        <Shown query={all} what="Reading dashboards">
          {(entries) =>
            entries.length === 0 ? (
              <Empty>
                <p>No dashboard is kept yet.</p>
                {admin ? (
                  <button type="button" class="primary" onClick={() => make(servicesDashboard, false)}>
                    Make one of the services
                  </button>
                ) : (
                  <p>Who has the admin key can make one.</p>
                )}
              </Empty>
            ) : (
              <table>
                <thead>
                  <tr>
                    <th scope="col">Title</th>
                    <th scope="col">Changed</th>
                  </tr>
                </thead>
                <tbody>
                  {entries.map(({ id, title, updatedAt }) => (
                    <tr key={id}>
                      <td>
                        <Link to={linkTo(`dashboards/${id}`)}>{title}</Link>
                      </td>
                      <td>{formatTime(Date.parse(updatedAt), utc, false)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )
          }
        </Shown>
      </div>
    </>
  );
}

interface MakeProps {
  readonly make: (dashboard: Dashboard, edit: boolean) => void;
  readonly read: (file: File | undefined) => void;
}

function MakeButtons({ make, read }: MakeProps) {
  const file = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class="primary" onClick={() => make(emptyDashboard, true)}>
        New dashboard
      </button>
      <button type="button" onClick={() => make(servicesDashboard, false)}>
        One of the services
      </button>
      <button
        type="button"
        title="A file of Grafana's (its Prometheus, Loki and Tempo panels), or of an export from here"
        onClick={() => file.current?.click()}
      >
        Import…
      </button>
      <input
        ref={file}
        type="file"
        class="visually-hidden"
        tabIndex={-1}
        accept="application/json,.json"
        aria-label="File to import"
        onChange={(event) => {
          read(event.currentTarget.files?.[0]);
          event.currentTarget.value = '';
        }}
      />
    </>
  );
}

interface ReportProps {
  readonly imported: Imported;
  readonly keep: () => void;
  readonly leave: () => void;
}

/** What a file would become, before it is kept. */
function ImportReport({ imported: { dashboard, notes }, keep, leave }: ReportProps) {
  const listed = (kept: boolean) => notes.filter((note) => note.kept === kept);
  const lost = listed(false);
  const changed = listed(true);
  return (
    <section class="card" aria-label="Import">
      <h2>
        {dashboard.title}: {dashboard.panels.filter(({ kind }) => kind !== 'row').length} panels,{' '}
        {dashboard.variables.length} variables
      </h2>
      {notes.length === 0 && <p class="good-text">All of it comes along.</p>}
      {lost.length > 0 && <Notes title="Does not come along" notes={lost} />}
      {changed.length > 0 && <Notes title="Comes along changed" notes={changed} />}
      <div class="row">
        <button type="button" class="primary" onClick={keep}>
          Keep it
        </button>
        <button type="button" onClick={leave}>
          Leave it
        </button>
      </div>
    </section>
  );
}

function Notes({ title, notes }: { readonly title: string; readonly notes: readonly ImportNote[] }) {
  return (
    <>
      <h3>{title}</h3>
      <ul class="plain-list notes">
        {notes.map(({ of, reason }, i) => (
          <li key={i}>
            <strong>{of || 'The dashboard'}</strong>: {reason}
          </li>
        ))}
      </ul>
    </>
  );
}
