import { useState } from 'preact/hooks';
import type { LogRow } from '../../api/loki';
import { useQuery } from '../../api/use-query';
import { setParams, useParam } from '../../app/location';
import { NoMatch } from '../../app/no-match';
import { useRange } from '../../app/range';
import { Empty, ErrorBox, Shown } from '../../app/states';
import { stepSeconds } from '../../app/time';
import { Bars } from '../../charts/bars';
import { download, toCsv } from '../../format/download';
import { counted } from '../../format/numbers';
import { everything, withFilter, type Filter } from './builder';
import { Fields } from './fields';
import { jsonOf, Lines, type View } from './lines';
import { useLive } from './live';
import { loadContext, loadHistogram, loadLines } from './load';
import { Patterns } from './patterns';
import { QueryBar } from './query-bar';
import '../../style/logs.css';

const limits = ['1000', '5000', '10000'];
const views = ['lines', 'table', 'json', 'patterns'] as const;
const viewNames = { lines: 'Lines', table: 'Table', json: 'JSON', patterns: 'Patterns' };

export default function Logs() {
  const range = useRange();
  const [query, setQuery] = useParam('q', everything);
  const [view, setView] = useParam('view', 'lines');
  const [limit, setLimit] = useParam('limit', '1000');
  const [columnText, setColumnText] = useParam('columns', 'service_name');
  const [live, setLive] = useParam('live');
  const [given] = useParam('at');
  const at = /^\d{10,20}$/.test(given) ? given : '';
  const columns = columnText.split(',').filter(Boolean);
  const key = `${query} ${range.startMs} ${range.endMs}`;
  const step = stepSeconds(range.endMs - range.startMs, 80);
  const isLive = live === 'on';
  const histogram = useQuery(isLive ? null : key, (signal) => loadHistogram(query, range, step, signal));
  const asked = at === '' ? `${key} ${limit}` : `${query} around ${at}`;
  const lines = useQuery(isLive || view === 'patterns' ? null : asked, (signal) =>
    at === ''
      ? loadLines(query, range, Math.min(10_000, Number(limit) || 1000), signal)
      : loadContext(query, at, signal),
  );
  const [paused, setPaused] = useState(false);
  const tail = useLive(query, isLive, paused);
  const filter = (one: Filter) => setQuery(withFilter(query, one));
  const rows = isLive ? tail.rows : (lines.data ?? []);
  const showRows = (shown: readonly LogRow[]) => (
    <div class="logs-body fills">
      <Fields
        rows={shown}
        columns={columns}
        filter={filter}
        setColumns={(names) => setColumnText(names.join(','))}
      />
      <Lines
        rows={shown}
        view={view as View}
        columns={columns}
        filter={filter}
        marked={at}
        setColumns={(names) => setColumnText(names.join(','))}
      />
    </div>
  );
  return (
    <>
      <h1 class="visually-hidden">Logs</h1>
      <QueryBar query={query} run={(text) => setQuery(text.trim() || everything)} />
      {!isLive && (
        <div class="card">
          <Shown query={histogram} what="Counting lines">
            {(stacks) => <Bars stacks={stacks} stepMs={step * 1000} label="Lines by level over time" />}
          </Shown>
        </div>
      )}
      <div class="row">
        <div class="segments" role="group" aria-label="View">
          {views.map((name) => (
            <button key={name} type="button" aria-pressed={view === name} onClick={() => setView(name)}>
              {viewNames[name]}
            </button>
          ))}
        </div>
        <button
          type="button"
          aria-pressed={isLive}
          onClick={() => {
            setPaused(false);
            setLive(isLive ? '' : 'on');
          }}
        >
          {isLive ? '■ Stop' : '▶ Live'}
        </button>
        {isLive && (
          <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
            {paused ? `Go on (${tail.held} new)` : 'Hold'}
          </button>
        )}
        <span class="faint" role="status">
          {(isLive || view !== 'patterns') && counted(rows.length, 'line')}
          {isLive && tail.passed > 0 ? ', the newest' : ''}
          {!isLive && at === '' && rows.length >= Number(limit) ? ', the newest' : ''}
        </span>
        {at !== '' && !isLive && (
          <button type="button" class="chip" onClick={() => setParams({ at: null })}>
            around one line ✕
          </button>
        )}
        <span class="grow" />
        {view !== 'patterns' && !isLive && (
          <label>
            At most{' '}
            <select value={limit} onChange={(event) => setLimit(event.currentTarget.value)}>
              {limits.map((value) => (
                <option key={value}>{value}</option>
              ))}
            </select>
          </label>
        )}
        <button
          type="button"
          disabled={rows.length === 0}
          onClick={() => download('logs.jsonl', 'application/x-ndjson', rows.map(jsonOf).join('\n') + '\n')}
        >
          JSON lines
        </button>
        <button
          type="button"
          disabled={rows.length === 0}
          onClick={() => download('logs.csv', 'text/csv', csvOf(rows))}
        >
          CSV
        </button>
      </div>
      {isLive ? (
        <>
          {tail.problem !== '' && (
            <p class="bad-text" role="status">
              {tail.problem}
            </p>
          )}
          {tail.dropped > 0 && (
            <p class="warn-text" role="status">
              {counted(tail.dropped, 'line')} left out: they came faster than they could be sent. A narrower
              query shows all of its lines.
            </p>
          )}
          {rows.length === 0 ? <Empty>Waiting for lines…</Empty> : showRows(rows)}
        </>
      ) : view === 'patterns' ? (
        <Patterns
          query={query}
          show={(text) => {
            setView('lines');
            setQuery(text);
          }}
        />
      ) : lines.error && lines.data === undefined ? (
        <ErrorBox error={lines.error} retry={lines.retry} />
      ) : (
        <Shown query={lines} what="Reading lines">
          {(found) =>
            found.length === 0 ? (
              <NoMatch
                says="No lines match in this time range."
                everything="Show every line"
                showEverything={() => setQuery(everything)}
              />
            ) : (
              showRows(found)
            )
          }
        </Shown>
      )}
    </>
  );
}

function csvOf(rows: readonly LogRow[]): string {
  const names = [...new Set(rows.flatMap(({ labels }) => [...labels.keys()]))].sort();
  return toCsv(
    ['timestamp', 'line', ...names],
    rows.map(({ ms, line, labels }) => [
      new Date(ms).toISOString(),
      line,
      ...names.map((name) => labels.get(name)),
    ]),
  );
}
