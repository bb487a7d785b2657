import { patterns } from '../../api/loki';
import { useQuery } from '../../api/use-query';
import { useRange } from '../../app/range';
import { Empty, Shown } from '../../app/states';
import { formatNumber } from '../../format/numbers';
import { everything, parseSimple, toLogql } from './builder';
import { levelNamed } from './levels';

/** What lines have in common, the most frequent first. */
export function Patterns({ query }: { readonly query: string }) {
  const range = useRange();
  const simple = parseSimple(query);
  // The API takes a selector alone.
  const selector = simple ? toLogql({ matchers: simple.matchers, texts: [], filters: [] }) : everything;
  const found = useQuery(`${selector} ${range.startMs} ${range.endMs}`, (signal) =>
    patterns(selector, range, signal),
  );
  return (
    <div class="card">
      <Shown query={found} what="Looking for patterns">
        {(data) =>
          data.length === 0 ? (
            <Empty>No patterns in this time range.</Empty>
          ) : (
            <div class="scroll">
              <table>
                <thead>
                  <tr>
                    <th scope="col" class="number">
                      Lines
                    </th>
                    <th scope="col">Level</th>
                    <th scope="col">Pattern</th>
                  </tr>
                </thead>
                <tbody>
                  {data.map(({ pattern, level, count }) => (
                    <tr key={`${level} ${pattern}`}>
                      <td class="number">{formatNumber(count)}</td>
                      <td>
                        <span class={`dot level-${levelNamed(level)}`} /> {level}
                      </td>
                      <td class="mono">{pattern}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Shown>
    </div>
  );
}
