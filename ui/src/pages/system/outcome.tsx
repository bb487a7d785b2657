import { counted, formatBytes, formatNumber, formatPercent } from '../../format/numbers';
import { Scroll } from '../../table/scroll';

interface Day {
  readonly table: string;
  readonly day: string;
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
}

interface Answer {
  readonly cutoff?: string;
  readonly days?: readonly Day[];
  readonly share?: number;
  readonly held?: { readonly reason: string; readonly how: string } | null;
  readonly ok?: boolean;
  readonly knownFiles?: number;
  readonly knownBytes?: number;
  readonly damaged?: readonly { readonly key: string; readonly problem: string }[];
  readonly orphans?: readonly { readonly key: string; readonly bytes: number; readonly state: string }[];
  readonly removed?: readonly string[];
  readonly damagedBackups?: readonly { readonly path: string; readonly problem: string }[];
}

const shown = 200;

/** What the admin API answered: retention and verification in words, and all of it as it came. */
export function OutcomeView({ answer }: { readonly answer: unknown }) {
  const known = (typeof answer === 'object' && answer !== null ? answer : {}) as Answer;
  return (
    <>
      {known.days && known.cutoff !== undefined && <Retention answer={known} days={known.days} />}
      {known.orphans && <Verified answer={known} orphans={known.orphans} />}
      <details open={!known.days && !known.orphans}>
        <summary>The whole answer</summary>
        <pre tabIndex={0}>{JSON.stringify(answer, null, 2)}</pre>
      </details>
    </>
  );
}

function Retention({ answer, days }: { readonly answer: Answer; readonly days: readonly Day[] }) {
  const { cutoff = '', share = 0, held } = answer;
  return (
    <>
      <p>
        {days.length === 0
          ? `Nothing is older than ${cutoff.slice(0, 10)}.`
          : `${counted(days.length, 'day')} of tables are older than ${cutoff.slice(0, 10)}: ${formatPercent(share)} of the lake.`}
      </p>
      {held && (
        <p class="bad-text">
          {held.reason}. {held.how}
        </p>
      )}
      {days.length > 0 && (
        <Scroll label="Days to delete">
          <table>
            <thead>
              <tr>
                <th scope="col">Day</th>
                <th scope="col">Table</th>
                {['rows', 'files', 'bytes'].map((name) => (
                  <th key={name} scope="col" class="number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {days.slice(0, shown).map(({ table, day, rows, files, bytes }) => (
                <tr key={`${table} ${day}`}>
                  <td>{day}</td>
                  <td>{table}</td>
                  <td class="number">{formatNumber(rows)}</td>
                  <td class="number">{files}</td>
                  <td class="number">{formatBytes(bytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </>
  );
}

type Orphans = NonNullable<Answer['orphans']>;

function Verified({ answer, orphans }: { readonly answer: Answer; readonly orphans: Orphans }) {
  const { ok, knownFiles = 0, knownBytes = 0, damaged = [], removed = [], damagedBackups = [] } = answer;
  return (
    <>
      <p class={ok ? 'good-text' : 'bad-text'}>
        {ok ? 'The catalog and its files agree' : 'The catalog and its files do not agree'}:{' '}
        {counted(knownFiles, 'file')}, {formatBytes(knownBytes)}
        {removed.length > 0 && `; ${counted(removed.length, 'file')} removed`}.
      </p>
      <Found title="Missing or damaged" list={damaged.map(({ key, problem }) => [key, problem])} />
      <Found title="Damaged backups" list={damagedBackups.map(({ path, problem }) => [path, problem])} />
      <Found
        title="Files that no snapshot refers to"
        list={orphans.map(({ key, state, bytes }) => [key, `${state}, ${formatBytes(bytes)}`])}
      />
    </>
  );
}

function Found({
  title,
  list,
}: {
  readonly title: string;
  readonly list: readonly (readonly [string, string])[];
}) {
  if (list.length === 0) return null;
  return (
    <>
      <h3>
        {title}: {list.length}
      </h3>
      <ul class="plain-list">
        {list.slice(0, shown).map(([key, says]) => (
          <li key={key}>
            <span class="mono">{key}</span>: {says}
          </li>
        ))}
      </ul>
    </>
  );
}
