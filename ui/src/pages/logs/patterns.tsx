import { patterns } from '../../api/loki';
import { useQuery } from '../../api/use-query';
import { useRange } from '../../app/range';
import { Empty, Shown } from '../../app/states';
import { formatNumber } from '../../format/numbers';
import { everything, parseSimple, toLogql } from './builder';
import { levelNamed } from './levels';
import { Scroll } from '../../table/scroll';

interface Props {
  readonly query: string;
  /** Goes to the lines of a query. */
  readonly show: (query: string) => void;
}

/** What lines have in common, the most frequent first; a click on one shows its lines. */
export function Patterns({ query, show }: Props) {
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
            <Scroll label="Patterns of lines">
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
                      <td>
                        <button
                          type="button"
                          class="plain mono pattern"
                          title="Show these lines"
                          onClick={() => show(`${selector} |> ${JSON.stringify(pattern)}`)}
                        >
                          {pattern}
                        </button>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          )
        }
      </Shown>
    </div>
  );
}
