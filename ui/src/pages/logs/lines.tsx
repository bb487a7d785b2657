import { useEffect, useRef, useState } from 'preact/hooks';
import type { LogRow } from '../../api/loki';
import { Link } from '../../app/link';
import { linkTo } from '../../app/location';
import { useRange } from '../../app/range';
import { formatTime } from '../../app/time';
import { stepThrough } from '../../table/step-through';
import { useVirtual } from '../../table/virtual';
import '../../style/logs.css';
import type { Filter } from './builder';
import { levelOf } from './levels';
import { rowKey } from './load';

export type View = 'lines' | 'table' | 'json';

interface Props {
  readonly rows: readonly LogRow[];
  readonly view: View;
  readonly columns: readonly string[];
  readonly filter?: (filter: Filter) => void;
  readonly setColumns?: (columns: readonly string[]) => void;
  /** Nanoseconds of the line to show among the others; empty for none. */
  readonly marked?: string;
}

/** Lines, each opened by a click; only those in sight are in the page. */
export function Lines({ rows, view, columns, filter, setColumns, marked = '' }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<string>();
  const { utc } = useRange();
  const virtual = useVirtual({ count: rows.length, scroller, rowHeight: 24 });
  const shown = view === 'table' ? columns : [];
  const days = [rows[0], rows.at(-1)].map((row) => formatTime(row?.ms ?? 0, utc).slice(0, 10));
  const oneDay = days[0] === days[1];
  useEffect(() => {
    const at = marked === '' ? -1 : rows.findIndex(({ ns }) => ns === marked);
    if (at >= 0) virtual.scrollTo(at);
  }, [rows, marked]);
  return (
    <div
      class="card lines"
      ref={scroller}
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label="Log lines"
      onKeyDown={(event) => stepThrough(event, '.line-text')}
    >
      {view === 'table' && (
        <div class="line-text line-head">
          <span class={oneDay ? 'time short' : 'time'}>Time</span>
          <span class="level">Level</span>
          {shown.map((name) => (
            <span key={name} class="cell" title={name}>
              {setColumns && (
                <button
                  type="button"
                  class="plain small"
                  title="Without this column"
                  aria-label={`Without the column ${name}`}
                  onClick={() => setColumns(columns.filter((one) => one !== name))}
                >
                  ✕
                </button>
              )}
              {name}
            </span>
          ))}
          <span class="text">Line</span>
        </div>
      )}
      <div style={{ height: `${virtual.totalHeight}px`, position: 'relative' }}>
        {virtual.items.map(({ index, start }) => {
          const row = rows[index];
          if (!row) return null;
          const key = rowKey(row);
          const level = levelOf(row);
          return (
            <div
              key={key + index}
              ref={virtual.measure}
              data-index={index}
              class={`line level-${level} ${marked !== '' && row.ns === marked ? 'marked' : ''}`}
              style={{ transform: `translateY(${start}px)` }}
            >
              <button
                type="button"
                class="line-text"
                aria-expanded={open === key}
                onClick={() => setOpen(open === key ? undefined : key)}
              >
                <span class={oneDay ? 'time short' : 'time'}>
                  {oneDay ? formatTime(row.ms, utc).slice(11) : formatTime(row.ms, utc)}
                </span>
                <span class="level">{level}</span>
                {view !== 'table' && <span class="service">{row.labels.get('service_name')}</span>}
                {shown.map((name) => (
                  <span key={name} class="cell" title={row.labels.get(name) ?? ''}>
                    {row.labels.get(name) ?? ''}
                  </span>
                ))}
                <span class="text">{view === 'json' ? jsonOf(row) : row.line.split('\n', 1)[0]}</span>
              </button>
              {open === key && <Detail row={row} {...(filter ? { filter } : {})} />}
            </div>
          );
        })}
      </div>
    </div>
  );
}

export function jsonOf(row: LogRow): string {
  return JSON.stringify({
    timestamp: new Date(row.ms).toISOString(),
    line: row.line,
    ...Object.fromEntries(row.labels),
  });
}

/** The JSON value that a line is, put in order; else the line. */
function readable(line: string): string {
  if (!/^\s*[{[]/.test(line)) return line;
  try {
    return JSON.stringify(JSON.parse(line), null, 2);
  } catch {
    return line;
  }
}

const contextMs = 30_000;

function Detail({ row, filter }: { readonly row: LogRow; readonly filter?: (filter: Filter) => void }) {
  const traceId = row.labels.get('trace_id');
  const service = row.labels.get('service_name');
  const { utc } = useRange();
  const [copied, setCopied] = useState(false);
  return (
    <div class="detail">
      <pre class="whole">{readable(row.line)}</pre>
      <div class="row">
        <span class="faint">{formatTime(row.ms, utc)}</span>
        {traceId && (
          <Link to={linkTo(`trace/${traceId}`, { span: row.labels.get('span_id') })} class="button">
            Show the trace
          </Link>
        )}
        {service !== undefined && (
          <Link
            to={linkTo('logs', {
              q: `{service_name=${JSON.stringify(service)}}`,
              from: String(row.ms - contextMs),
              to: String(row.ms + contextMs),
              at: row.ns,
            })}
            class="button"
          >
            Lines around it
          </Link>
        )}
        <button
          type="button"
          onClick={() => void navigator.clipboard.writeText(jsonOf(row)).then(() => setCopied(true))}
        >
          {copied ? 'Copied' : 'Copy as JSON'}
        </button>
      </div>
      <table>
        <tbody>
          {[...row.labels].sort().map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {filter && (
                <td class="detail-filters">
                  <button
                    type="button"
                    class="small"
                    title="Only these"
                    aria-label={`Only ${name} ${value}`}
                    onClick={() => filter({ name, op: '=', value })}
                  >
                    +
                  </button>
                  <button
                    type="button"
                    class="small"
                    title="Without these"
                    aria-label={`Without ${name} ${value}`}
                    onClick={() => filter({ name, op: '!=', value })}
                  >
                    −
                  </button>
                </td>
              )}
              <td>
                <pre>{value}</pre>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
