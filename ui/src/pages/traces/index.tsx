import { useState } from 'preact/hooks';
import { searchTraces, type FoundTrace } from '../../api/tempo';
import { useQuery } from '../../api/use-query';
import { Link } from '../../app/link';
import { linkTo, useParam } from '../../app/location';
import { NoMatch } from '../../app/no-match';
import { useRange } from '../../app/range';
import { Shown } from '../../app/states';
import { formatTime } from '../../app/time';
import { counted, formatSeconds } from '../../format/numbers';
import { errorsOf, spansOf } from './found';
import { QueryBar } from './query-bar';
import { Scatter } from './scatter';
import { ServiceMap } from './service-map';
import { Scroll } from '../../table/scroll';
import '../../style/logs.css';
import '../../style/traces.css';

const limits = ['200', '1000', '2000'];
const everything = '{ }';

export default function Traces() {
  const range = useRange();
  const [query, setQuery] = useParam('q', everything);
  const [view, setView] = useParam('view');
  const [limitText, setLimit] = useParam('limit', '200');
  const limit = Math.min(2000, Number(limitText) || 200);
  const onMap = view === 'map';
  const found = useQuery(onMap ? null : `${query} ${range.startMs} ${range.endMs} ${limit}`, (signal) =>
    searchTraces(query, range, limit, signal),
  );
  return (
    <>
      <h1 class="visually-hidden">Traces</h1>
      <div class="row" role="group" aria-label="View">
        <button type="button" aria-pressed={!onMap} onClick={() => setView('')}>
          Search
        </button>
        <button type="button" aria-pressed={onMap} onClick={() => setView('map')}>
          Service map
        </button>
      </div>
      {onMap ? (
        <ServiceMap />
      ) : (
        <>
          <QueryBar query={query} run={(text) => setQuery(text.trim() || everything)} />
          <Shown query={found} what="Searching">
            {(traces) =>
              traces.length === 0 ? (
                <NoMatch
                  says="No trace matches in this time range."
                  everything="Show every trace"
                  showEverything={() => setQuery(everything)}
                />
              ) : (
                <>
                  <div class="card">
                    <Scatter traces={traces} />
                  </div>
                  <Table traces={traces} limit={limit} setLimit={setLimit} />
                </>
              )
            }
          </Shown>
        </>
      )}
    </>
  );
}

const orders = {
  newest: (trace: FoundTrace) => Number(trace.startTimeUnixNano),
  slowest: (trace: FoundTrace) => trace.durationMs ?? 0,
  largest: spansOf,
  'most failed': errorsOf,
} as const;

type Order = keyof typeof orders;

interface TableProps {
  readonly traces: readonly FoundTrace[];
  readonly limit: number;
  readonly setLimit: (limit: string) => void;
}

function Table({ traces, limit, setLimit }: TableProps) {
  const { utc } = useRange();
  const [order, setOrder] = useState<Order>('newest');
  const [marked, setMarked] = useState<readonly string[]>([]);
  const sorted = [...traces].sort((a, b) => orders[order](b) - orders[order](a));
  const slowest = Math.max(...traces.map(({ durationMs = 0 }) => durationMs), 1);
  const mark = (id: string) =>
    setMarked(marked.includes(id) ? marked.filter((one) => one !== id) : [...marked, id].slice(-2));
  return (
    <div class="card">
      <div class="row">
        <span class="faint" role="status">
          {counted(traces.length, 'trace')}
          {traces.length >= limit ? ', the newest' : ''}
        </span>
        <label>
          Order{' '}
          <select value={order} onChange={(event) => setOrder(event.currentTarget.value as Order)}>
            {Object.keys(orders).map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          At most{' '}
          <select value={String(limit)} onChange={(event) => setLimit(event.currentTarget.value)}>
            {limits.map((value) => (
              <option key={value}>{value}</option>
            ))}
          </select>
        </label>
        {marked.length === 2 ? (
          <Link class="button" to={linkTo('compare', { a: marked[0] ?? '', b: marked[1] ?? '' })}>
            Compare the two
          </Link>
        ) : (
          <span class="faint">Mark two to compare them</span>
        )}
      </div>
      <Scroll label="Traces found">
        <table>
          <thead>
            <tr>
              <th scope="col">
                <span class="visually-hidden">Compare</span>
              </th>
              <th scope="col">Began</th>
              <th scope="col">Trace</th>
              <th scope="col" class="number">
                Duration
              </th>
              <th scope="col">
                <span class="visually-hidden">Duration as a bar</span>
              </th>
              <th scope="col" class="number">
                Spans
              </th>
              <th scope="col" class="number">
                Failed
              </th>
              <th scope="col">Services</th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((trace) => (
              <tr key={trace.traceID}>
                <td>
                  <input
                    type="checkbox"
                    aria-label={`Compare trace ${trace.traceID}`}
                    checked={marked.includes(trace.traceID)}
                    onChange={() => mark(trace.traceID)}
                  />
                </td>
                <td class="faint">{formatTime(Number(trace.startTimeUnixNano) / 1e6, utc)}</td>
                <td>
                  <Link to={linkTo(`trace/${trace.traceID}`)}>
                    <strong>{trace.rootServiceName ?? ''}</strong> {trace.rootTraceName ?? trace.traceID}
                  </Link>
                </td>
                <td class="number">{formatSeconds((trace.durationMs ?? 0) / 1000)}</td>
                <td>
                  <svg class="took-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                    <rect width={Math.max(0.5, (100 * (trace.durationMs ?? 0)) / slowest)} height="6" />
                  </svg>
                </td>
                <td class="number">{spansOf(trace) || '–'}</td>
                <td class={`number ${errorsOf(trace) > 0 ? 'bad-text' : 'faint'}`}>{errorsOf(trace)}</td>
                <td class="faint">{Object.keys(trace.serviceStats ?? {}).join(', ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </div>
  );
}
