import { useEffect, useState } from 'preact/hooks';
import { useQuery, type QueryState } from '../../api/use-query';
import { ServiceMark } from '../../charts/service-mark';
import { Sparkline } from '../../charts/sparkline';
import { Link } from '../../app/link';
import { linkTo } from '../../app/location';
import { setRange, useRange } from '../../app/range';
import { useAccess } from '../../app/session';
import { Empty, Loading, Shown } from '../../app/states';
import { formatTime } from '../../app/time';
import {
  counted,
  formatAgo,
  formatNumber,
  formatPercent,
  formatRate,
  formatSeconds,
} from '../../format/numbers';
import { grouped, groupedTraces, loadErrors, type Errors } from './errors';
import { SendSomething } from './send-something';
import { loadServices, type Service } from './services';
import { loadSignals, anythingEarlier, recordsTaken, type Signals } from './signals';
import { Scroll } from '../../table/scroll';
import '../../style/overview.css';

const waitMs = 2000;

/** What came in, which services there are and how they do, and what went wrong last. */
export default function Overview() {
  const range = useRange();
  const { session } = useAccess();
  const key = `${range.startMs}-${range.endMs}`;
  const signals = useQuery(key, (signal) => loadSignals(range, signal));
  const services = useQuery(key, (signal) => loadServices(range, signal));
  const errors = useQuery(key, (signal) => loadErrors(range, signal));
  const empty =
    signals.data !== undefined && services.data !== undefined && isEmpty(signals.data, services.data);
  const taken = useTaken(empty, range.refresh);
  const earlier = useQuery(empty ? 'earlier' : null, anythingEarlier);
  if (empty && taken === 0 && earlier.loading) return <Loading />;
  if (empty && taken === 0 && earlier.data !== true) return <SendSomething keyed={session.keyNeeded.query} />;
  return (
    <>
      <h1 class="visually-hidden">Overview</h1>
      {empty && (
        <Empty>
          <p>Nothing in this time range.</p>
          <button type="button" onClick={() => setRange('now-24h', 'now')}>
            Look at the last 24 hours
          </button>
        </Empty>
      )}
      <SignalCards signals={signals} seconds={(range.endMs - range.startMs) / 1000} />
      <div class="overview-body">
        <section class="card" aria-labelledby="services">
          <h2 id="services">Services</h2>
          <Shown query={services} what="Reading spans">
            {(data) => <Services services={data} />}
          </Shown>
        </section>
        <section class="card" aria-labelledby="errors">
          <h2 id="errors">Newest errors</h2>
          <Shown query={errors} what="Looking for errors">
            {(data) => <NewestErrors errors={data} />}
          </Shown>
        </section>
      </div>
    </>
  );
}

function isEmpty(signals: Signals, services: readonly Service[]): boolean {
  const none = (values: readonly number[]) => values.every((value) => value === 0);
  return none(signals.logs) && services.length === 0 && signals.metricNames === 0;
}

/** While nothing is to be seen: how many records the server has taken; looks again when there are more. */
function useTaken(empty: boolean, refresh: () => void): number | null {
  const [tick, setTick] = useState(0);
  const taken = useQuery(empty ? `taken ${tick}` : null, recordsTaken);
  const count =
    taken.data === undefined ? null : [...taken.data.values()].reduce((sum, value) => sum + value, 0);
  useEffect(() => {
    if (!empty) return;
    const timer = setTimeout(() => {
      setTick((value) => value + 1);
      // What was taken is visible after the next commit.
      if (count !== null && count > 0 && tick < 15) refresh();
    }, waitMs);
    return () => clearTimeout(timer);
  }, [empty, tick]);
  return empty ? (count ?? 0) : null;
}

function SignalCards({
  signals,
  seconds,
}: {
  readonly signals: QueryState<Signals>;
  readonly seconds: number;
}) {
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  return (
    <Shown query={signals} what="Counting what came in">
      {({ logs, logsOver, spans, spansOver, metricNames, logServices }) => (
        <div class="signals">
          <div class="card signal">
            <h2>
              <Link to={linkTo('logs')}>Logs</Link>
            </h2>
            <span class="big">{formatNumber(total(logs))}</span>
            <span class="faint">
              {formatRate(total(logs) / seconds)} from {counted(logServices.length, 'service')}
            </span>
            <Sparkline values={logsOver} label="Log lines over time" />
          </div>
          <div class="card signal">
            <h2>
              <Link to={linkTo('traces')}>Spans</Link>
            </h2>
            <span class="big">{formatNumber(total(spans))}</span>
            <span class="faint">{formatRate(total(spans) / seconds)}</span>
            <Sparkline values={spansOver} label="Spans over time" />
          </div>
          <div class="card signal">
            <h2>
              <Link to={linkTo('metrics')}>Metrics</Link>
            </h2>
            <span class="big">{formatNumber(metricNames)}</span>
            <span class="faint">{metricNames === 1 ? 'name' : 'names'}</span>
          </div>
        </div>
      )}
    </Shown>
  );
}

function Services({ services }: { readonly services: readonly Service[] }) {
  if (services.length === 0) return <Empty>No spans in this time range.</Empty>;
  return (
    <Scroll label="Rates of services">
      <table>
        <thead>
          <tr>
            <th scope="col">Service</th>
            <th scope="col" class="number">
              Requests
            </th>
            <th scope="col">
              <span class="visually-hidden">Requests over time</span>
            </th>
            <th scope="col" class="number">
              Errors
            </th>
            <th scope="col">
              <span class="visually-hidden">Errors over time</span>
            </th>
            <th scope="col" class="number">
              p50
            </th>
            <th scope="col" class="number">
              p95
            </th>
            <th scope="col" class="number">
              p99
            </th>
            <th scope="col">p95 over time</th>
            <th scope="col">
              <span class="visually-hidden">More</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {services.map((service) => (
            <ServiceRow key={service.name} service={service} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function ServiceRow({ service }: { readonly service: Service }) {
  const { name, rate, rates, errorRate, errors, p50, p95, p99, p95s, served } = service;
  const failing = errorRate > 0.01;
  return (
    <tr>
      <th scope="row" class="service">
        <ServiceMark name={name} />
        <Link
          to={linkTo('traces', {
            q: `{ resource.service.name = ${JSON.stringify(name)}${failing ? ' && status = error' : ''} }`,
          })}
          title={failing ? 'Its failed traces' : 'Its traces'}
        >
          {name}
        </Link>
      </th>
      <td class="number">
        {formatRate(rate)}
        {!served && <span class="faint"> spans</span>}
      </td>
      <td>
        <Sparkline values={rates} label={`Requests of ${name} over time`} />
      </td>
      <td class={`number ${failing ? 'bad-text' : ''}`}>{formatPercent(errorRate)}</td>
      <td>
        {errorRate > 0 && <Sparkline values={errors} label={`Errors of ${name} over time`} tone="bad" />}
      </td>
      <td class="number">{formatSeconds(p50)}</td>
      <td class="number">{formatSeconds(p95)}</td>
      <td class="number">{formatSeconds(p99)}</td>
      <td>
        <Sparkline values={p95s} label={`p95 of ${name} over time`} />
      </td>
      <td class="number">
        <Link
          to={linkTo('logs', { q: `{service_name=${JSON.stringify(name)}}` })}
          title={`Log lines of ${name}`}
        >
          logs
        </Link>
      </td>
    </tr>
  );
}

function NewestErrors({ errors: { logs, traces } }: { readonly errors: Errors }) {
  const { utc } = useRange();
  const now = Date.now();
  if (logs.length === 0 && traces.length === 0) return <p class="good-text">No errors in this time range.</p>;
  return (
    <div class="errors">
      <div>
        <h3>In logs</h3>
        {logs.length === 0 && <p class="faint">none</p>}
        <ul class="plain-list">
          {grouped(logs).map((group) => (
            <li key={`${group.service} ${group.line}`}>
              <span class="faint" title={formatTime(group.lastMs, utc)}>
                {formatAgo(group.lastMs, now)}
              </span>{' '}
              <strong>{group.service}</strong> {group.count > 1 && <span class="count">{group.count} ×</span>}{' '}
              <Link
                to={
                  group.traceId === undefined
                    ? linkTo('logs', {
                        q: `{service_name=${JSON.stringify(group.service)}, level=~"error|critical|fatal"}`,
                      })
                    : linkTo(`trace/${group.traceId}`, { span: group.spanId })
                }
                class="mono"
              >
                {group.line}
              </Link>
            </li>
          ))}
        </ul>
      </div>
      <div>
        <h3>In traces</h3>
        {traces.length === 0 && <p class="faint">none</p>}
        <ul class="plain-list">
          {groupedTraces(traces).map(({ root, count, newest, lastMs, says }) => (
            <li key={newest.traceID}>
              <span class="faint" title={formatTime(lastMs, utc)}>
                {formatAgo(lastMs, now)}
              </span>{' '}
              <strong>{root.service}</strong> {count > 1 && <span class="count">{count} ×</span>}{' '}
              <Link to={linkTo(`trace/${newest.traceID}`)}>{root.name || newest.traceID}</Link>{' '}
              <span class="faint">{formatSeconds((newest.durationMs ?? 0) / 1000)}</span>
              {says !== '' && <div class="says faint">{says}</div>}
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}
