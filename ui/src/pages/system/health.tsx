import { ApiError, getJson } from '../../api/client';
import { useQuery } from '../../api/use-query';
import { formatNumber, formatPercent, formatSeconds } from '../../format/numbers';
import { Shown } from '../../app/states';

interface Report {
  readonly status: 'ok' | 'degraded' | 'page';
  readonly checks: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly value: number | string | null;
    readonly limit: number | string | null;
    readonly reason: string;
  }[];
}

const subjects = ['storage', 'ingest', 'maintenance', 'queries'] as const;

async function readReport(subject: string, signal: AbortSignal): Promise<Report> {
  const path = `/api/admin/health/${subject}`;
  // A report that pages is a 503 with the same body.
  const response = await fetch(path, { signal, credentials: 'same-origin' });
  if (response.status === 200 || response.status === 503) return (await response.json()) as Report;
  if (response.status === 401) return await getJson<Report>(path, {}, signal);
  throw new ApiError('server', response.status, `${path} answered ${response.status}`);
}

const ofSeconds = new Set(['freshness', 'sealing', 'checkpoint_age', 'clock', 'backup_age']);

/** A check's value and its limit, in the unit of what it looks at. */
function measured(name: string, value: number | string | null, limit: number | string | null): string {
  const format = ofSeconds.has(name)
    ? formatSeconds
    : name.startsWith('spool_')
      ? formatPercent
      : formatNumber;
  const shown = (one: number | string | null) => (typeof one === 'number' ? format(one) : String(one ?? '–'));
  if (name === 'paused') return String(value) === 'true' ? 'yes' : 'no';
  return limit === null || limit === 0 ? shown(value) : `${shown(value)} of ${shown(limit)}`;
}

/** The four health reports. */
export function Health({ tick }: { readonly tick: number }) {
  const reports = useQuery(`health ${tick}`, (signal) =>
    Promise.all(subjects.map(async (subject) => ({ subject, ...(await readReport(subject, signal)) }))),
  );
  return (
    <Shown query={reports} what="Asking how it does">
      {(all) => (
        <div class="signals">
          {all.map(({ subject, status, checks }) => (
            <section key={subject} class="card" aria-label={`Health of ${subject}`}>
              <h2>
                {subject}{' '}
                <span class={status === 'ok' ? 'good-text' : 'bad-text'}>
                  {status === 'page' ? 'needs somebody' : status}
                </span>
              </h2>
              <ul class="plain-list health">
                {checks.map(({ name, ok, value, limit, reason }) => (
                  <li key={name}>
                    <span class={ok ? 'good-text' : 'bad-text'}>{ok ? '✔' : '✖'}</span>
                    <span>{name.replaceAll('_', ' ')}</span>
                    <span class="health-value faint">{measured(name, value, limit)}</span>
                    {reason !== '' && <p>{reason}</p>}
                  </li>
                ))}
              </ul>
            </section>
          ))}
        </div>
      )}
    </Shown>
  );
}
