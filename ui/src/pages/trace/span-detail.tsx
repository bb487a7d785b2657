import type { LogRow } from '../../api/loki';
import type { Attributes, Span, Trace } from '../../api/trace';
import { Link } from '../../app/link';
import { linkTo } from '../../app/location';
import { useRange } from '../../app/range';
import { formatTime } from '../../app/time';
import { formatSeconds } from '../../format/numbers';

interface Props {
  readonly trace: Trace;
  readonly span: Span;
  readonly logs: readonly LogRow[];
}

export function SpanDetail({ trace, span, logs }: Props) {
  const { utc } = useRange();
  const service = JSON.stringify(span.service);
  return (
    <div class="detail">
      <div class="row">
        <span>
          {span.kind} · begins after {formatSeconds(span.startMs / 1000)} · takes{' '}
          {formatSeconds((span.endMs - span.startMs) / 1000)} · scope {span.scope || '–'}
        </span>
        <Link
          class="button"
          to={linkTo('traces', {
            q: `{ resource.service.name = ${service} && name = ${JSON.stringify(span.name)} }`,
          })}
        >
          Others like it
        </Link>
        <Link
          class="button"
          to={linkTo('logs', {
            q: `{service_name=${service}}`,
            from: String(Math.floor(trace.startMs + span.startMs - 5000)),
            to: String(Math.ceil(trace.startMs + span.endMs + 5000)),
          })}
        >
          Logs of {span.service} around it
        </Link>
      </div>
      {span.failed && <p class="bad-text">Failed{span.statusMessage && `: ${span.statusMessage}`}</p>}
      <AttributeTable title="Attributes" attributes={span.attributes} />
      {span.events.map((event, i) => (
        <AttributeTable
          key={i}
          title={`Event ${event.name}, after ${formatSeconds(event.atMs / 1000)}`}
          attributes={event.attributes}
        />
      ))}
      {span.links.length > 0 && (
        <p>
          Links:{' '}
          {span.links.map((link) => (
            <Link
              key={link.traceId + link.spanId}
              to={linkTo(`trace/${link.traceId}`, { span: link.spanId })}
            >
              {link.traceId.slice(0, 8)}…/{link.spanId}
            </Link>
          ))}
        </p>
      )}
      {logs.length > 0 && (
        <div>
          <h3>Logs</h3>
          <ul class="plain-list">
            {logs.map((row, i) => (
              <li key={i}>
                <span class="faint">{formatTime(row.ms, utc)}</span>{' '}
                {row.labels.get('level') ?? row.labels.get('detected_level')} <pre>{row.line}</pre>
              </li>
            ))}
          </ul>
        </div>
      )}
      <details>
        <summary>Resource</summary>
        <AttributeTable title="" attributes={span.resource} />
      </details>
    </div>
  );
}

function AttributeTable({ title, attributes }: { readonly title: string; readonly attributes: Attributes }) {
  if (attributes.length === 0 && title === '') return null;
  return (
    <div>
      {title !== '' && <h3>{title}</h3>}
      <table>
        <tbody>
          {attributes.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
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
