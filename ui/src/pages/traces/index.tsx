import { useState } from 'preact/hooks';
import { searchTraces, type FoundTrace } from '../../api/tempo';
import { useQuery } from '../../api/use-query';
import { Link } from '../../app/link';
import { linkTo, useParam } from '../../app/location';
import { NoMatch } from '../../app/no-match';
import { useRange } from '../../app/range';
import { Shown } from '../../app/states';
import { formatTime } from '../../app/time';
import { ServiceMark } from '../../charts/service-mark';
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
      <div class="segments" role="group" aria-label="View">
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
                    <Scatter traces={traces} more={traces.length >= limit} />
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
  failed: errorsOf,
} as const;

type Order = keyof typeof orders;

interface TableProps {
  readonly traces: readonly FoundTrace[];
  readonly limit: number;
  readonly setLimit: (limit: string) => void;
}

function Table({ traces, limit, setLimit }: TableProps) {
  const { utc } = useRange();
  const [asked, setOrder] = useParam('order', 'newest');
  const order: Order = Object.hasOwn(orders, asked) ? (asked as Order) : 'newest';
  const head = (title: string, by: Order, number: boolean) => (
    <th scope="col" class={number ? 'number' : ''} aria-sort={order === by ? 'descending' : 'none'}>
      <button type="button" class="sort" title={`The ${by} first`} onClick={() => setOrder(by)}>
        {title} <span aria-hidden="true">{order === by ? '▾' : ''}</span>
      </button>
    </th>
  );
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
              {head('Began', 'newest', false)}
              <th scope="col">Trace</th>
              {head('Duration', 'slowest', true)}
              <th scope="col">
                <span class="visually-hidden">Duration as a bar</span>
              </th>
              {head('Spans', 'largest', true)}
              {head('Failed', 'failed', true)}
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
                    <ServiceMark name={trace.rootServiceName ?? ''} />
                    <strong>{trace.rootServiceName ?? ''}</strong> {trace.rootTraceName ?? trace.traceID}
                  </Link>
                </td>
                <td class="number">{formatSeconds((trace.durationMs ?? 0) / 1000)}</td>
                <td>
                  <svg
                    class={errorsOf(trace) > 0 ? 'took-bar failed' : 'took-bar'}
                    viewBox="0 0 100 6"
                    preserveAspectRatio="none"
                    aria-hidden="true"
                  >
                    <rect width={Math.max(0.5, (100 * (trace.durationMs ?? 0)) / slowest)} height="6" />
                  </svg>
                </td>
                <td class="number">{spansOf(trace) || '–'}</td>
                <td class={`number ${errorsOf(trace) > 0 ? 'bad-text' : 'faint'}`}>
                  {errorsOf(trace) || '–'}
                </td>
                <td class="trace-services">
                  {Object.keys(trace.serviceStats ?? {}).map((name) => (
                    <span key={name} class="legend faint">
                      <ServiceMark name={name} />
                      {name}
                    </span>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </div>
  );
}
