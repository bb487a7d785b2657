import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { exitCodes } from '../src/cli/errors.js';
import { statusName } from '../src/grpc/index.js';
import { httpErrorCodes } from '../src/http/errors.js';
import { queryErrorStatus } from '../src/lake/query-error.js';
import { payloadErrors, refusals } from '../src/receivers/failure.js';
import { errorForms } from '../src/query/server/errors.js';

const page = readFileSync('docs/errors.md', 'utf8');

/** The cells of the table under a heading, without their marks, header left out. */
function table(heading: string): string[][] {
  const [, rest] = page.split(`\n## ${heading}\n`);
  assert.ok(rest !== undefined, `docs/errors.md has no section ${heading}`);
  const rows = (rest.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

const sorted = (rows: readonly (readonly (string | number)[])[]) => rows.map((row) => row.join(' | ')).sort();

/** Rows of the page, as far as the code knows them, against those of the code. */
function same(heading: string, rows: readonly (readonly (string | number)[])[]): void {
  const width = rows[0]?.length ?? 0;
  const shown = table(heading).map((row) => row.slice(0, width));
  assert.deepEqual(sorted(shown), sorted(rows));
}

const ofOtlp = (codes: typeof refusals | typeof payloadErrors) =>
  Object.entries(codes).map(([name, { http, grpc }]) => [name, http, `${grpc} ${statusName(grpc)}`]);

describe('docs/errors.md says what the code does', () => {
  it('of refused exports', () => same('OTLP: refused for now', ofOtlp(refusals)));

  it('of invalid exports', () => same('OTLP: the request is wrong', ofOtlp(payloadErrors)));

  it('of queries', () =>
    same(
      'Queries',
      Object.entries(errorForms).map(([kind, { meaning, prometheus, loki, tempo }]) => [
        kind,
        `${prometheus.status} ${prometheus.errorType}`,
        loki.status,
        tempo.status,
        queryErrorStatus[kind as keyof typeof queryErrorStatus],
        meaning,
      ]),
    ));

  it('of everything else over HTTP', () => same('HTTP and the admin API', Object.entries(httpErrorCodes)));

  it('of the command line', () => same('The command line', Object.entries(exitCodes)));
});
