import { useState } from 'preact/hooks';
import { metricCatalog, seriesCount, type MetricInfo } from '../../api/prometheus';
import { useQuery } from '../../api/use-query';
import { useRange } from '../../app/range';
import { Empty, Shown } from '../../app/states';
import { formatNumber } from '../../format/numbers';

/** A query that shows a metric as one wants to see it. */
function queryFor({ name, type }: MetricInfo): string {
  if (type === 'histogram')
    return `histogram_quantile(0.95, sum by (le, service_name) (rate(${name}_bucket[5m])))`;
  if (type === 'counter') return `sum by (service_name) (rate(${name}[5m]))`;
  if (type === 'summary') return `sum by (service_name) (rate(${name}_count[5m]))`;
  return name;
}

/** The metrics that there are, with type, unit and description; opened, how many series. */
export function Catalog({ choose }: { readonly choose: (query: string) => void }) {
  const metrics = useQuery('metadata', metricCatalog);
  const [search, setSearch] = useState('');
  return (
    <aside class="card catalog" aria-label="Metrics">
      <input
        type="search"
        data-search
        placeholder="Find metrics (/)"
        aria-label="Find metrics"
        value={search}
        onInput={(event) => setSearch(event.currentTarget.value)}
      />
      <Shown query={metrics} what="Reading names">
        {(all) => {
          const words = search.toLowerCase().split(/\s+/);
          const found = all.filter(({ name, help }) =>
            words.every((word) => name.toLowerCase().includes(word) || help.toLowerCase().includes(word)),
          );
          if (all.length === 0) return <Empty>No metrics have come in.</Empty>;
          if (found.length === 0) return <Empty>No metric has these words.</Empty>;
          return (
            <ul class="plain-list">
              {found.slice(0, 300).map((info) => (
                <Metric key={info.name} info={info} choose={choose} />
              ))}
            </ul>
          );
        }}
      </Shown>
    </aside>
  );
}

function Metric({ info, choose }: { readonly info: MetricInfo; readonly choose: (query: string) => void }) {
  const range = useRange();
  const [open, setOpen] = useState(false);
  const suffix = info.type === 'histogram' || info.type === 'summary' ? '_count' : '';
  const count = useQuery(open ? `${info.name} ${range.startMs} ${range.endMs}` : null, (signal) =>
    seriesCount(info.name + suffix, range, signal),
  );
  return (
    <li class="metric">
      <button
        type="button"
        class="plain metric-name"
        title={info.help}
        onClick={() => choose(queryFor(info))}
      >
        {info.name.split('_').flatMap((part, i) => (i === 0 ? [part] : [<wbr key={i} />, `_${part}`]))}
      </button>
      <button type="button" class="plain metric-type" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span class="visually-hidden">About {info.name}: </span>
        {open ? '▾' : '▸'} {info.type}
        {info.unit && `, ${info.unit}`}
      </button>
      {open && (
        <p class="faint">
          {info.help || 'No description.'}
          {count.data !== undefined && ` ${formatNumber(count.data)} series in this time range.`}
        </p>
      )}
    </li>
  );
}
