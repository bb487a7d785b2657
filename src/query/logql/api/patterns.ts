import type { QueryRequest } from '../../server/endpoint.js';
import type { QueryLimits } from '../../server/guard.js';
import { levelSql } from '../model/columns.js';
import { Drain, patternText } from './drain.js';
import { selection, sixHours, whereSql } from './metadata.js';
import { LokiParams } from './params.js';
import type { Plan } from './queries.js';

const maxPatterns = 300;
/** Different lines without their words with digits, the most frequent, that patterns are made of. */
const maxShapes = 5000;
const maxLine = 3000;

interface Pattern {
  words: string[];
  readonly separators: readonly string[];
  readonly counts: Map<number, number>;
  total: number;
}

/**
 * GET or POST /loki/api/v1/patterns: what lines have in common, counted over the whole range; the most frequent come
 * first. DuckDB puts lines together that differ in words with a digit alone, Drain those that are similar besides.
 */
export function patterns(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  const range = params.range(sixHours);
  const step = params.step(range);
  const query = selection(params, limits, range);
  return async (ctx) => {
    const where = await whereSql(query, ctx);
    const variable = String.raw`[^\s=:,;"''()\[\]{}<>]*\d[^\s,;"''()\[\]{}<>]*`;
    const rows = await ctx.session.rows(
      `WITH found AS (SELECT regexp_replace(body[:${maxLine}], '${variable}', '<_>', 'g') AS pattern, ${levelSql} AS level, ` +
        `((time_unix_nano - ${query.from}) // ${step})::DOUBLE AS bucket FROM lake.logs WHERE ${where} AND body <> ''), ` +
        `counted AS (SELECT pattern, level, bucket, count(*)::DOUBLE AS n FROM found GROUP BY ALL), ` +
        `top AS (SELECT pattern, level, sum(n) AS total FROM counted GROUP BY ALL ` +
        `ORDER BY total DESC, pattern LIMIT ${maxShapes}) ` +
        `SELECT pattern, level, list(bucket ORDER BY bucket) AS buckets, list(n ORDER BY bucket) AS counts ` +
        `FROM counted JOIN top USING (pattern, level) GROUP BY pattern, level, total ORDER BY total DESC, pattern`,
    );
    const data = [...clustered(rows)].slice(0, maxPatterns).map(([level, { counts, ...pattern }]) => ({
      pattern: patternText(pattern),
      level,
      samples: [...counts]
        .sort((a, b) => a[0] - b[0])
        .map(([bucket, n]) => {
          const time = query.from + BigInt(bucket) * BigInt(step);
          return [Number(time / 1_000_000_000n), n];
        }),
    }));
    return { status: 'success', data };
  };
}

/** The patterns of each level, the most frequent first. */
function clustered(rows: readonly Readonly<Record<string, unknown>>[]): (readonly [string, Pattern])[] {
  const levels = new Map<string, { readonly drain: Drain<Pattern>; readonly found: Set<Pattern> }>();
  for (const row of rows) {
    const level = row['level'] as string;
    const own = levels.get(level) ?? {
      drain: new Drain<Pattern>((cluster) => ({ ...cluster, counts: new Map(), total: 0 })),
      found: new Set(),
    };
    levels.set(level, own);
    const pattern = own.drain.train(row['pattern'] as string);
    own.found.add(pattern);
    (row['buckets'] as number[]).forEach((bucket, i) => {
      const n = (row['counts'] as number[])[i] ?? 0;
      pattern.counts.set(bucket, (pattern.counts.get(bucket) ?? 0) + n);
      pattern.total += n;
    });
  }
  return [...levels]
    .flatMap(([level, { found }]) => [...found].map((pattern) => [level, pattern] as const))
    .sort((a, b) => b[1].total - a[1].total);
}
