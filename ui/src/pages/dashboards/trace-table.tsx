import type { FoundTrace } from '../../api/tempo';
import { Link } from '../../app/link';
import { linkTo } from '../../app/location';
import { useRange } from '../../app/range';
import { formatTime } from '../../app/time';
import { formatSeconds } from '../../format/numbers';
import { Scroll } from '../../table/scroll';

/** Traces that a search found, each a link to it. */
export function TraceTable({ traces }: { readonly traces: readonly FoundTrace[] }) {
  const { utc } = useRange();
  return (
    <Scroll label="Traces">
      <table>
        <thead>
          <tr>
            <th scope="col">Begun</th>
            <th scope="col">Trace</th>
            <th scope="col" class="number">
              Duration
            </th>
          </tr>
        </thead>
        <tbody>
          {traces.map(({ traceID, rootServiceName, rootTraceName, startTimeUnixNano, durationMs = 0 }) => (
            <tr key={traceID}>
              <td class="mono">{formatTime(Number(BigInt(startTimeUnixNano) / 1_000_000n), utc, false)}</td>
              <td>
                <Link to={linkTo(`trace/${traceID}`)}>
                  {rootServiceName} {rootTraceName}
                </Link>
              </td>
              <td class="number">{formatSeconds(durationMs / 1000)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
