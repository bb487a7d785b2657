import { useMemo, useState } from 'preact/hooks';
import { logLines, type LogRow } from '../../api/loki';
import { readTrace, type Trace } from '../../api/trace';
import { useQuery } from '../../api/use-query';
import { Link } from '../../app/link';
import { linkTo, useLocation, useParam } from '../../app/location';
import { useRange } from '../../app/range';
import { Empty, ErrorBox, Shown } from '../../app/states';
import { formatTime } from '../../app/time';
import { ServiceMark } from '../../charts/service-mark';
import { counted, formatSeconds } from '../../format/numbers';
import { Lines } from '../logs/lines';
import { Flame } from './flame';
import { matches, Waterfall } from './waterfall';
import '../../style/trace.css';

const views = [
  ['', 'Waterfall'],
  ['flame', 'Flame graph'],
  ['logs', 'Logs'],
] as const;

export default function TracePage() {
  const [, id = ''] = useLocation().path.split('/');
  const trace = useQuery(id === '' ? null : id, (signal) => readTrace(id, signal));
  if (id === '') {
    return (
      <Empty>
        <Link to={linkTo('traces')}>Search for a trace</Link>
      </Empty>
    );
  }
  if (trace.error?.status === 404) {
    return (
      <Empty>
        <h1>There is no trace {id}</h1>
        <p>It may not have come in yet, or be older than what the server keeps.</p>
        <button type="button" onClick={trace.retry}>
          Look again
        </button>
      </Empty>
    );
  }
  if (trace.error && !trace.data) return <ErrorBox error={trace.error} retry={trace.retry} />;
  return (
    <Shown query={trace} what="Reading the trace">
      {(data) => <Read trace={data} />}
    </Shown>
  );
}

/** Logs of a trace may be written before its first span and after its last. */
const aroundMs = 60_000;

function Read({ trace }: { readonly trace: Trace }) {
  const { utc } = useRange();
  const [view, setView] = useParam('view');
  const [selected, select] = useParam('span');
  const [search, setSearch] = useState('');
  const window = {
    startMs: Math.floor(trace.startMs - aroundMs),
    endMs: Math.ceil(trace.startMs + trace.durationMs + aroundMs),
  };
  const logs = useQuery(trace.id, (signal) =>
    logLines(`{service_name=~".+"} | trace_id=${JSON.stringify(trace.id)}`, window, 5000, signal, 'forward'),
  );
  const logsOf = useMemo(() => bySpan(logs.data ?? []), [logs.data]);
  const [root] = trace.spans;
  const failed = trace.spans.filter((span) => span.failed);
  const found = search === '' ? [] : trace.spans.filter((span) => matches(span, search));
  const deepest = failed.reduce((most, span) => (span.depth > (most?.depth ?? -1) ? span : most), failed[0]);
  return (
    <>
      <div>
        <h1>
          {root?.service} {root?.name}
        </h1>
        <p class="row">
          <span class="faint">{formatTime(trace.startMs, utc)}</span>
          <strong>{formatSeconds(trace.durationMs / 1000)}</strong>
          <span>{counted(trace.spans.length, 'span')}</span>
          {failed.length > 0 && <span class="bad-text">{failed.length} failed</span>}
          <code>{trace.id}</code>
          {deepest && (
            <button type="button" class="bad-button" onClick={() => select(deepest.id)}>
              Show where it failed: {deepest.service} {deepest.name}
            </button>
          )}
        </p>
        <p class="row">
          {trace.services.map((service) => (
            <span key={service} class="legend">
              <ServiceMark name={service} />
              {service}
            </span>
          ))}
        </p>
        {trace.partial !== '' && <p class="bad-text">{trace.partial}</p>}
      </div>
      <div class="row">
        <div class="segments" role="group" aria-label="View">
          {views.map(([name, title]) => (
            <button key={name} type="button" aria-pressed={view === name} onClick={() => setView(name)}>
              {title}
              {name === 'logs' && logs.data ? ` (${logs.data.length})` : ''}
            </button>
          ))}
        </div>
        <input
          type="search"
          data-search
          placeholder="Find spans (/)"
          aria-label="Find spans"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
          onKeyDown={(event) => {
            const at = found.findIndex(({ id }) => id === selected);
            if (event.key === 'Enter' && found.length > 0) select(found[(at + 1) % found.length]?.id ?? '');
          }}
        />
        {search !== '' && <span class="faint">{found.length} found; Enter goes through them</span>}
      </div>
      {view === 'flame' ? (
        <Flame
          trace={trace}
          select={(id) => {
            setView('');
            select(id);
          }}
        />
      ) : view === 'logs' ? (
        <Shown query={logs} what="Reading its logs">
          {(rows) =>
            rows.length === 0 ? (
              <Empty>No log line has this trace's id.</Empty>
            ) : (
              <div class="fills">
                <Lines rows={rows} view="lines" columns={[]} />
              </div>
            )
          }
        </Shown>
      ) : (
        <Waterfall trace={trace} search={search} selected={selected} select={select} logsOf={logsOf} />
      )}
    </>
  );
}

function bySpan(rows: readonly LogRow[]): ReadonlyMap<string, LogRow[]> {
  const groups = new Map<string, LogRow[]>();
  for (const row of rows) {
    const id = row.labels.get('span_id');
    if (id === undefined) continue;
    const group = groups.get(id);
    if (group) group.push(row);
    else groups.set(id, [row]);
  }
  return groups;
}
