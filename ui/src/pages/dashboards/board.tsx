import { useEffect, useState } from 'preact/hooks';
import { ApiError } from '../../api/client';
import {
  changeDashboard,
  deleteDashboard,
  readDashboard,
  readForGrafana,
  type Dashboard,
  type Kept,
  type Panel,
} from '../../api/dashboards';
import { useQuery } from '../../api/use-query';
import { Link } from '../../app/link';
import { go, linkTo, setParams, useLocation, useParam } from '../../app/location';
import { Popover } from '../../app/popover';
import { useAccess } from '../../app/session';
import { Empty, Shown } from '../../app/states';
import { download } from '../../format/download';
import { DashboardForm } from './dashboard-form';
import { PanelForm } from './panel-form';
import { PanelView } from './panel-view';
import { newPanel } from './starters';
import { useVariables, VariableBar } from './variables';

function save(name: string, content: object): void {
  download(`${name}.json`, 'application/json', `${JSON.stringify(content, null, 2)}\n`);
}

export function Board({ id }: { readonly id: string }) {
  const [version, setVersion] = useState(0);
  const kept = useQuery(`${id} ${version}`, (signal) => readDashboard(id, signal));
  return (
    <Shown query={kept} what="Reading the dashboard">
      {(found) => <Opened key={found.revision} kept={found} again={() => setVersion((value) => value + 1)} />}
    </Shown>
  );
}

/** The dashboard's own range and refresh, where the address has none. */
function useOwnRange({ range, refresh }: Dashboard): void {
  const { params } = useLocation();
  const given = params.has('from') || params.has('to');
  useEffect(() => {
    if (given) return;
    setParams({ ...(range ?? {}), ...(refresh && !params.has('refresh') ? { refresh } : {}) }, true);
  }, []);
}

function Opened({ kept, again }: { readonly kept: Kept; readonly again: () => void }) {
  const { admin } = useAccess();
  const [edit, setEdit] = useParam('edit');
  const [draft, setDraft] = useState<Dashboard>(kept.dashboard);
  const [problem, setProblem] = useState('');
  const [saving, setSaving] = useState(false);
  const [opened, setOpened] = useState<number | null>(null);
  useOwnRange(kept.dashboard);
  const editing = edit === 'on' && admin;
  const shown = editing ? draft : kept.dashboard;
  const { states, values, problem: unknown } = useVariables(shown.variables);
  const panels = (next: readonly Panel[]) => setDraft({ ...draft, panels: next });
  const attempt = async (work: () => Promise<unknown>, then: () => void = () => undefined) => {
    setProblem('');
    setSaving(true);
    try {
      await work();
      then();
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : String(error));
    } finally {
      setSaving(false);
    }
  };
  const keep = () =>
    void attempt(
      () => changeDashboard(kept.id, draft, kept.revision),
      () => {
        setEdit('', true);
        again();
      },
    );
  const discard = () => {
    setDraft(kept.dashboard);
    setOpened(null);
    setProblem('');
    setEdit('', true);
  };
  const remove = () => {
    if (!window.confirm(`Delete the dashboard ${kept.title}?`)) return;
    void attempt(
      () => deleteDashboard(kept.id, kept.revision),
      () => go(linkTo('dashboards')),
    );
  };
  return (
    <>
      <div class="row">
        <h1 class="grow">
          <Link to={linkTo('dashboards')}>Dashboards</Link> / {shown.title}
        </h1>
        {editing ? (
          <>
            <button type="button" class="primary" disabled={saving} onClick={keep}>
              {saving ? 'Saving…' : 'Save'}
            </button>
            <button type="button" onClick={discard}>
              Discard
            </button>
            <button type="button" class="bad-button" onClick={remove}>
              Delete
            </button>
          </>
        ) : (
          <>
            {admin && (
              <button type="button" onClick={() => setEdit('on', true)}>
                Edit
              </button>
            )}
            <Popover label="Export" title="Export as a file">
              {(close) => (
                <>
                  <button
                    type="button"
                    class="plain"
                    onClick={() => {
                      close();
                      save(kept.id, kept.dashboard);
                    }}
                  >
                    JSON, to import here
                  </button>
                  <button
                    type="button"
                    class="plain"
                    onClick={() => {
                      close();
                      void attempt(async () => save(`${kept.id}.grafana`, await readForGrafana(kept.id)));
                    }}
                  >
                    JSON of Grafana
                  </button>
                </>
              )}
            </Popover>
          </>
        )}
      </div>
      {problem !== '' && (
        <div class="error-box" role="alert">
          {problem}
        </div>
      )}
      {shown.description && <p class="faint">{shown.description}</p>}
      {editing && <DashboardForm dashboard={draft} change={setDraft} />}
      <VariableBar states={states} />
      {unknown !== '' && <p class="bad-text">Values of variables: {unknown}</p>}
      <div class="board">
        {shown.panels.map((panel, at) => (
          <section
            key={at}
            class={panel.kind === 'row' ? 'board-row' : 'card'}
            style={{ gridColumn: `span ${panel.width}` }}
            aria-label={panel.title || `Panel ${at + 1}`}
          >
            <div class="row">
              <h2 class="grow">{panel.title}</h2>
              {editing && (
                <PanelTools
                  at={at}
                  panels={shown.panels}
                  change={panels}
                  open={() => setOpened(opened === at ? null : at)}
                  isOpen={opened === at}
                />
              )}
            </div>
            {editing && opened === at && (
              <PanelForm
                panel={panel}
                change={(next) => panels(shown.panels.map((one, i) => (i === at ? next : one)))}
              />
            )}
            {panel.kind !== 'row' && <PanelView panel={panel} values={values} />}
          </section>
        ))}
      </div>
      {shown.panels.length === 0 && !editing && (
        <Empty>
          <p>This dashboard has no panels yet.</p>
          {admin && (
            <button type="button" class="primary" onClick={() => setEdit('on', true)}>
              Edit it
            </button>
          )}
        </Empty>
      )}
      {editing && (
        <div class="row">
          <button
            type="button"
            class={shown.panels.length === 0 ? 'primary' : ''}
            onClick={() => {
              setOpened(shown.panels.length);
              panels([...shown.panels, newPanel]);
            }}
          >
            Add a panel
          </button>
        </div>
      )}
    </>
  );
}

interface ToolsProps {
  readonly at: number;
  readonly panels: readonly Panel[];
  readonly change: (panels: readonly Panel[]) => void;
  readonly open: () => void;
  readonly isOpen: boolean;
}

function PanelTools({ at, panels, change, open, isOpen }: ToolsProps) {
  const panel = panels[at];
  const moved = (by: number) => {
    const next = [...panels];
    const [taken] = next.splice(at, 1);
    if (taken) next.splice(at + by, 0, taken);
    change(next);
  };
  const name = panel?.title || `panel ${at + 1}`;
  return (
    <div class="row" role="group" aria-label={`Change ${name}`}>
      <button type="button" aria-expanded={isOpen} onClick={open}>
        {isOpen ? 'Close' : 'Change'}
      </button>
      <button
        type="button"
        aria-label={`${name} earlier`}
        title="Earlier"
        disabled={at === 0}
        onClick={() => moved(-1)}
      >
        ←
      </button>
      <button
        type="button"
        aria-label={`${name} later`}
        title="Later"
        disabled={at === panels.length - 1}
        onClick={() => moved(1)}
      >
        →
      </button>
      <button
        type="button"
        aria-label={`Copy ${name}`}
        title="Once more"
        onClick={() => panel && change([...panels.slice(0, at + 1), panel, ...panels.slice(at + 1)])}
      >
        Copy
      </button>
      <button
        type="button"
        aria-label={`Remove ${name}`}
        title="Remove"
        onClick={() => change(panels.filter((_one, i) => i !== at))}
      >
        ✕
      </button>
    </div>
  );
}
