import { useEffect, useRef, useState } from 'preact/hooks';
import { useQuery } from '../../api/use-query';
import { Shown } from '../../app/states';
import { formatBytes, formatNumber, formatRate, formatSeconds } from '../../format/numbers';
import { scrape, total, type Scrape } from './scrape';
import { Scroll } from '../../table/scroll';

const everyMs = 3000;
/** Rates need two looks. */
const firstMs = 1000;

/** What the process does now: rates since the look before. */
export function Load() {
  const [tick, setTick] = useState(0);
  const now = useQuery(`scrape ${tick}`, scrape);
  const before = useRef<{ atMs: number; samples: Scrape } | null>(null);
  const last = useRef<{ atMs: number; samples: Scrape } | null>(null);
  if (now.data && now.data !== last.current) {
    before.current = last.current;
    last.current = now.data;
  }
  useEffect(() => {
    const timer = setTimeout(() => setTick((value) => value + 1), tick === 0 ? firstMs : everyMs);
    return () => clearTimeout(timer);
  }, [tick]);
  return (
    <section class="card" aria-labelledby="load">
      <h2 id="load">Now</h2>
      <Shown query={now} what="Measuring">
        {({ samples, atMs }) => {
          const old = before.current;
          const rate = (name: string, ...having: string[]) => {
            if (!old) return NaN;
            const grown = (total(samples, name, ...having) || 0) - (total(old.samples, name, ...having) || 0);
            return Math.max(0, grown) / ((atMs - old.atMs) / 1000);
          };
          return (
            <>
              <Scroll label="Load by signal">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Signal</th>
                      {[
                        'records/s',
                        'requests/s',
                        'bytes/s',
                        'in the spool',
                        'waiting for a commit',
                        'refused/s',
                      ].map((name) => (
                        <th key={name} scope="col" class="number">
                          {name}
                        </th>
                      ))}
                    </tr>
                  </thead>
                  <tbody>
                    {['logs', 'traces', 'metrics'].map((signal) => {
                      const of = `signal="${signal}"`;
                      return (
                        <tr key={signal}>
                          <th scope="row">{signal}</th>
                          <td class="number">
                            {formatNumber(rate('canardstack_otlp_records_total', of, 'outcome="accepted"'))}
                          </td>
                          <td class="number">{formatNumber(rate('canardstack_otlp_requests_total', of))}</td>
                          <td class="number">
                            {formatBytes(rate('canardstack_otlp_request_bytes_total', of) || 0)}
                          </td>
                          <td class="number">
                            {formatBytes(total(samples, 'canardstack_spool_bytes', of) || 0)}
                          </td>
                          <td class="number">
                            {formatBytes(total(samples, 'canardstack_seal_backlog_bytes', of) || 0)}
                          </td>
                          <td class="number">
                            {formatNumber(rate('canardstack_otlp_refusals_total', of) || 0)}
                          </td>
                        </tr>
                      );
                    })}
                  </tbody>
                </table>
              </Scroll>
              <dl class="facts">
                <Fact
                  name="Visible after"
                  value={formatSeconds(total(samples, 'canardstack_freshness_projected_seconds'))}
                />
                <Fact name="Commits" value={formatRate(rate('canardstack_seal_commits_total'))} />
                <Fact
                  name="Queries"
                  value={`${formatRate(rate('canardstack_queries_total'))}, ${formatNumber(total(samples, 'canardstack_queries_in_flight') || 0)} running`}
                />
                <Fact name="CPU" value={`${formatNumber(rate('process_cpu_seconds_total'))} cores`} />
                <Fact name="Memory" value={formatBytes(total(samples, 'process_resident_memory_bytes'))} />
                <Fact
                  name="DuckDB's memory"
                  value={formatBytes(total(samples, 'canardstack_duckdb_memory_bytes') || 0)}
                />
              </dl>
            </>
          );
        }}
      </Shown>
    </section>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
