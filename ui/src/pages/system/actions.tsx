import { useState } from 'preact/hooks';
import { ApiError, sendJson } from '../../api/client';

interface Action {
  readonly title: string;
  readonly says: string;
  readonly path: string;
  readonly body?: unknown;
  /** What is shown first, and has to be agreed to. */
  readonly dryRun?: { readonly path: string; readonly body?: unknown };
}

const maintenance = '/api/admin/maintenance';
const catalog = '/api/admin/catalog';

const actions: readonly Action[] = [
  { title: 'Commit now', says: 'Commits what waits in the spool.', path: `${maintenance}/seal` },
  {
    title: 'CHECKPOINT',
    says: 'Compacts files and removes what nothing refers to.',
    path: `${maintenance}/checkpoint`,
  },
  {
    title: 'Retention',
    says: 'Deletes days that are older than the retention.',
    path: `${maintenance}/retention/run`,
    dryRun: { path: `${maintenance}/retention/dry-run` },
  },
  {
    title: 'Pause maintenance',
    says: 'Nothing is compacted or deleted until it is resumed.',
    path: `${maintenance}/pause`,
  },
  { title: 'Resume maintenance', says: 'Goes on with it.', path: `${maintenance}/resume` },
  { title: 'Back up the catalog', says: 'Writes a copy and proves it.', path: `${catalog}/backup` },
  {
    title: 'Verify',
    says: 'Compares the catalog with the files that there are.',
    path: `${catalog}/verify`,
    body: {},
  },
  {
    title: 'Verify and repair',
    says: 'Removes files that no snapshot refers to.',
    path: `${catalog}/verify`,
    body: { repair: true },
    dryRun: { path: `${catalog}/verify`, body: {} },
  },
];

interface Outcome {
  readonly title: string;
  readonly text: string;
  readonly failed: boolean;
  /** To be done once agreed. */
  readonly next?: Action;
}

/** What the admin API does, by buttons; what deletes shows first what it would. */
export function Actions({ done }: { readonly done: () => void }) {
  const [busy, setBusy] = useState('');
  const [outcome, setOutcome] = useState<Outcome>();
  const call = async (action: Action, dry: boolean) => {
    setBusy(action.title);
    const { path, body } = dry && action.dryRun ? action.dryRun : action;
    try {
      const answer = await sendJson<unknown>('POST', path, body);
      setOutcome({
        title: dry ? `${action.title} would do this` : `${action.title}: done`,
        text: JSON.stringify(answer, null, 2),
        failed: false,
        ...(dry ? { next: action } : {}),
      });
    } catch (error) {
      const text = error instanceof ApiError ? error.message : String(error);
      setOutcome({ title: `${action.title}: not done`, text, failed: true });
    } finally {
      setBusy('');
      done();
    }
  };
  return (
    <section class="card" aria-labelledby="actions">
      <h2 id="actions">Actions</h2>
      <div class="row">
        {actions.map((action) => (
          <button
            key={action.title}
            type="button"
            title={action.says}
            disabled={busy !== ''}
            onClick={() => void call(action, action.dryRun !== undefined)}
          >
            {busy === action.title ? `${action.title}…` : action.title}
          </button>
        ))}
      </div>
      {outcome && (
        <div class="outcome" role="status">
          <h3 class={outcome.failed ? 'bad-text' : ''}>{outcome.title}</h3>
          <pre tabIndex={0}>{outcome.text}</pre>
          {outcome.next && (
            <div class="row">
              <button
                type="button"
                class="bad-button"
                onClick={() => outcome.next && void call(outcome.next, false)}
              >
                Do it: {outcome.next.title}
              </button>
              <button type="button" onClick={() => setOutcome(undefined)}>
                Leave it
              </button>
            </div>
          )}
        </div>
      )}
    </section>
  );
}
