import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { LogRow } from '../../api/loki';
import type { Span, Trace } from '../../api/trace';
import { serviceColor } from '../../charts/service-color';
import { counted, formatSeconds } from '../../format/numbers';
import { stepThrough } from '../../table/step-through';
import { useVirtual } from '../../table/virtual';
import { criticalPath } from './critical-path';
import { SpanDetail } from './span-detail';

interface Props {
  readonly trace: Trace;
  readonly search: string;
  readonly selected: string;
  readonly select: (id: string) => void;
  readonly logsOf: ReadonlyMap<string, readonly LogRow[]>;
}

/** Of the whole width: where a bar has to end for a text behind it. */
const roomFor = 0.82;

/** What of a span is searched. */
export function matches(span: Span, words: string): boolean {
  const text = words.toLowerCase();
  const has = (value: string) => value.toLowerCase().includes(text);
  return (
    has(span.name) ||
    has(span.service) ||
    has(span.statusMessage) ||
    span.attributes.some(([name, value]) => has(value) || has(`${name}=${value}`))
  );
}

/** Spans as bars over time; only those in sight are in the page. */
export function Waterfall({ trace, search, selected, select, logsOf }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const path = useMemo(() => criticalPath(trace.spans), [trace]);
  const rows = useMemo(() => withoutClosed(trace.spans, closed), [trace, closed]);
  const virtual = useVirtual({ count: rows.length, scroller, rowHeight: 28 });
  const total = Math.max(trace.durationMs, 0.001);
  const toggle = (id: string) => {
    const next = new Set(closed);
    if (!next.delete(id)) next.add(id);
    setClosed(next);
  };
  // A link names the span to look at.
  useEffect(() => {
    const at = rows.findIndex(({ id }) => id === selected);
    if (at > 8) virtual.scrollTo(at);
  }, [trace]);
  /** Behind the bar, before it, or in it, where there is room. */
  const tookAt = (span: Span) =>
    span.endMs <= roomFor * total
      ? { left: part(span.endMs) }
      : span.startMs >= (1 - roomFor) * total
        ? { right: part(total - span.startMs) }
        : { right: part(total - span.endMs) };
  const part = (ms: number) => `${((100 * ms) / total).toFixed(3)}%`;
  return (
    <div
      class="card waterfall fills"
      ref={scroller}
      tabIndex={0}
      aria-label="Spans over time"
      role="region"
      onKeyDown={(event) => stepThrough(event, '.name')}
    >
      <div class="scale" aria-hidden="true">
        {[0, 0.25, 0.5, 0.75, 1].map((at) => (
          <span key={at}>{formatSeconds((total * at) / 1000)}</span>
        ))}
      </div>
      <div style={{ height: `${virtual.totalHeight}px`, position: 'relative' }}>
        {virtual.items.map(({ index, start }) => {
          const span = rows[index];
          if (!span) return null;
          const logs = logsOf.get(span.id) ?? [];
          const found = search !== '' && matches(span, search);
          return (
            <div
              key={span.id + index}
              ref={virtual.measure}
              data-index={index}
              class={`span ${found ? 'found' : ''} ${selected === span.id ? 'selected' : ''}`}
              style={{ transform: `translateY(${start}px)` }}
            >
              <div class="span-row">
                <div class="span-name" style={{ paddingLeft: `${Math.min(span.depth, 24) * 12}px` }}>
                  {span.children.length > 0 ? (
                    <button
                      type="button"
                      class="fold"
                      aria-expanded={!closed.has(span.id)}
                      aria-label={`Children of ${span.name}`}
                      onClick={() => toggle(span.id)}
                    >
                      {closed.has(span.id) ? '▸' : '▾'}
                    </button>
                  ) : (
                    <span class="fold" />
                  )}
                  <button
                    type="button"
                    class="name"
                    aria-expanded={selected === span.id}
                    title={`${span.service} ${span.name}`}
                    onClick={() => select(selected === span.id ? '' : span.id)}
                  >
                    {span.failed && (
                      <span class="bad-text" title="Failed">
                        ✖{' '}
                      </span>
                    )}
                    <strong>{span.service}</strong> {span.name}
                  </button>
                </div>
                <div class="bar-area" onClick={() => select(selected === span.id ? '' : span.id)}>
                  <div
                    class={`bar ${span.failed ? 'failed' : ''}`}
                    style={{
                      left: part(span.startMs),
                      width: part(span.endMs - span.startMs),
                      background: serviceColor(span.service),
                    }}
                  />
                  {(path.get(span.id) ?? []).map(({ fromMs, toMs }) => (
                    <div
                      key={fromMs}
                      class="critical"
                      title="On the critical path"
                      style={{ left: part(fromMs), width: part(toMs - fromMs) }}
                    />
                  ))}
                  {span.events.map((event, i) => (
                    <div key={i} class="event" title={event.name} style={{ left: part(event.atMs) }} />
                  ))}
                  <span class={`took ${span.endMs > roomFor * total ? 'inside' : ''}`} style={tookAt(span)}>
                    {formatSeconds((span.endMs - span.startMs) / 1000)}
                    {logs.length > 0 && ` · ${counted(logs.length, 'log')}`}
                  </span>
                </div>
              </div>
              {selected === span.id && <SpanDetail trace={trace} span={span} logs={logs} />}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function withoutClosed(spans: readonly Span[], closed: ReadonlySet<string>): readonly Span[] {
  if (closed.size === 0) return spans;
  const rows: Span[] = [];
  let below = Infinity;
  for (const span of spans) {
    if (span.depth > below) continue;
    below = closed.has(span.id) ? span.depth : Infinity;
    rows.push(span);
  }
  return rows;
}
