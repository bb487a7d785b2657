import { readTrace, type Span, type Trace } from '../../api/trace';
import { useQuery } from '../../api/use-query';
import { Link } from '../../app/link';
import { linkTo, useParam } from '../../app/location';
import { Empty, Shown } from '../../app/states';
import { useRange } from '../../app/range';
import { formatTime } from '../../app/time';
import { counted, formatSeconds } from '../../format/numbers';
import { Scroll } from '../../table/scroll';
import '../../style/traces.css';
import '../../style/sql.css';

interface Row {
  readonly service: string;
  readonly name: string;
  readonly sides: readonly [Side, Side];
}

interface Side {
  readonly count: number;
  readonly failed: number;
  /** Milliseconds in spans of this kind, without their children. */
  readonly ownMs: number;
}

const none: Side = { count: 0, failed: 0, ownMs: 0 };

function ownTime(span: Span): number {
  let covered = 0;
  let untilMs = span.startMs;
  for (const child of span.children) {
    const from = Math.max(untilMs, child.startMs);
    const to = Math.min(span.endMs, child.endMs);
    if (to > from) covered += to - from;
    untilMs = Math.max(untilMs, to);
  }
  return Math.max(0, span.endMs - span.startMs - covered);
}

/** Spans of the same service and name side by side, the largest difference first. */
function rowsOf(traces: readonly [Trace, Trace]): Row[] {
  const rows = new Map<string, { service: string; name: string; sides: [Side, Side] }>();
  traces.forEach((trace, side) => {
    for (const span of trace.spans) {
      const key = `${span.service}\0${span.name}`;
      const row = rows.get(key) ?? { service: span.service, name: span.name, sides: [none, none] };
      rows.set(key, row);
      const before = row.sides[side as 0 | 1];
      row.sides[side as 0 | 1] = {
        count: before.count + 1,
        failed: before.failed + (span.failed ? 1 : 0),
        ownMs: before.ownMs + ownTime(span),
      };
    }
  });
  return [...rows.values()].sort((a, b) => difference(b) - difference(a));
}

function difference({ sides: [a, b] }: Row): number {
  return Math.abs(a.ownMs - b.ownMs);
}

export default function Compare() {
  const [a] = useParam('a');
  const [b] = useParam('b');
  const both = useQuery(a && b ? `${a} ${b}` : null, async (signal): Promise<readonly [Trace, Trace]> => {
    const [first, second] = await Promise.all([readTrace(a, signal), readTrace(b, signal)]);
    return [first, second];
  });
  if (!a || !b) {
    return (
      <Empty>
        <Link to={linkTo('traces')}>Mark two traces to compare</Link>
      </Empty>
    );
  }
  return (
    <>
      <h1>Compare two traces</h1>
      <Shown query={both} what="Reading both traces">
        {(traces) => <Table traces={traces} />}
      </Shown>
    </>
  );
}

function Table({ traces }: { readonly traces: readonly [Trace, Trace] }) {
  const { utc } = useRange();
  const rows = rowsOf(traces);
  const most = Math.max(...rows.map(difference), 1e-9);
  return (
    <Scroll label="Spans side by side" class="card">
      <table>
        <thead>
          <tr>
            <th scope="col">Span</th>
            {traces.map((trace, i) => (
              <th key={i} scope="col" class="number">
                <Link to={linkTo(`trace/${trace.id}`)}>
                  {'AB'[i]}: {trace.spans[0]?.service} {trace.spans[0]?.name}
                </Link>
                <br />
                {formatTime(trace.startMs, utc)}
                <br />
                <strong>{formatSeconds(trace.durationMs / 1000)}</strong>,{' '}
                {counted(trace.spans.length, 'span')}
              </th>
            ))}
            <th scope="col" class="number">
              B − A
            </th>
            <th scope="col">
              <span class="visually-hidden">The difference as a bar</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const [first, second] = row.sides;
            const more = second.ownMs - first.ownMs;
            const wide = (100 * Math.abs(more)) / most;
            return (
              <tr key={`${row.service} ${row.name}`}>
                <th scope="row">
                  {row.service} <span class="faint">{row.name}</span>
                </th>
                {row.sides.map((side, i) => (
                  <td key={i} class={`number ${side.failed > 0 ? 'bad-text' : ''}`}>
                    {side.count === 0 ? '–' : formatSeconds(side.ownMs / 1000)}
                    {side.count > 1 && <span class="faint"> {side.count} ×</span>}
                    {side.failed > 0 && ' failed'}
                  </td>
                ))}
                <td class={`number ${more > 0 ? 'bad-text' : more < 0 ? 'good-text' : 'faint'}`}>
                  {more > 0 && '+'}
                  {formatSeconds(more / 1000)}
                </td>
                <td class="bar-cell">
                  <svg
                    class={more > 0 ? 'slower' : 'faster'}
                    viewBox="-100 0 200 10"
                    preserveAspectRatio="none"
                    aria-hidden="true"
                  >
                    <rect x={more > 0 ? 0 : -wide} width={wide} height="10" />
                  </svg>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <p class="faint">Time in the spans themselves, without what they called.</p>
    </Scroll>
  );
}
