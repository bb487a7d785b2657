interface Call {
  readonly path: string;
  readonly body?: unknown;
  readonly method?: 'GET' | 'POST';
}

/** Something that the admin API does. */
export interface Action extends Call {
  readonly title: string;
  readonly says: string;
  /** What is shown first, and has to be agreed to. */
  readonly dryRun?: Call;
}

const maintenance = '/api/admin/maintenance';
const catalog = '/api/admin/catalog';

export const actions: readonly Action[] = [
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
    title: 'Verify every byte',
    says: 'Reads every file and the backups whole, which may take long.',
    path: `${catalog}/verify`,
    body: { deep: true },
  },
  {
    title: 'Scrub',
    says: 'Reads a part of the files again, as maintenance does each day, and finds those that are damaged.',
    path: `${maintenance}/scrub`,
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

/** The action after its dry run: a retention that waits for a person gets the word that it asks for. */
export function agreed(action: Action, shown: unknown): Action {
  const { confirm } = (shown as { held?: { confirm?: string } | null } | null)?.held ?? {};
  if (confirm === undefined || action.path !== `${maintenance}/retention/run`) return action;
  return { ...action, title: `${action.title}, what is before ${confirm}`, body: { confirm } };
}
