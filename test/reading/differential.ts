import assert from 'node:assert/strict';
import fastify, { type FastifyInstance } from 'fastify';
import { lokiApi } from '../../src/query/logql/index.js';
import { prometheusApi } from '../../src/query/promql/index.js';
import { tempoApi } from '../../src/query/traceql/index.js';
import { createTelemetry } from '../../src/telemetry/index.js';
import { tables } from '../../src/schema/index.js';
import { testLake, type TestLake } from '../support/lake.js';
import { randomNumbers } from '../support/random.js';
import { randomOf, type Language, type Random, type Span } from './language.js';
import { logql } from './logql.js';
import { promql } from './promql.js';
import { traceql } from './traceql.js';

export const languages: readonly Language[] = [promql, logql, traceql];

export interface Differential {
  readonly seed: number;
  /** Of each language. */
  readonly questions: number;
  /** Hours of history of each of the files. */
  readonly hours: number;
  readonly languages: readonly Language[];
  readonly say?: (line: string) => void;
}

const begin = Date.parse('2026-03-01T00:00:00Z') / 1000;

/**
 * Asks the same of one lake twice: of the rows as they are, and with everything that makes reading fast. What is in the lake
 * changes meanwhile: files, rows in the catalog, deletions, flushed and compacted files. What leaves the rows as they are must
 * leave the answers as they are, too. Gives how many were asked; throws
 * AssertionError on the first answers that differ.
 */
export async function differential(options: Differential): Promise<number> {
  const random = randomOf(randomNumbers(options.seed));
  const lake = await testLake({ maxRangeMs: 400 * 86_400_000 }, 'one commit');
  const [plain, fast] = [await app(lake.guard), await app(lake.cached)];
  let asked = 0;
  let refused = 0;
  try {
    const states = history(lake, random, options);
    // Half of the states are asked a third more.
    const share = Math.ceil(options.questions / states.length / 2.17);
    const whole = { from: begin, to: begin + parts * options.hours * 3600 };
    for (const [name, change, rowsStay] of states) {
      const before: (() => Promise<void>)[] = [];
      for (const language of rowsStay ? options.languages : []) {
        for (let i = 0; i < share / 3; i++) before.push(await askAgain(plain, fast, language, random, whole));
      }
      await change();
      const changed = asked;
      for (const again of before) await again();
      asked += before.length;
      // With what was known before, and once all is known.
      for (let round = 0; round < 2; round++) {
        for (const language of options.languages) {
          for (let i = 0; i < share; i++, asked++) {
            if (!(await ask(plain, fast, language, random, whole))) refused++;
          }
        }
        await lake.cache.settled();
      }
      options.say?.(`${name}: ${asked - changed} answers are the same`);
    }
    options.say?.(`${refused} questions were refused`);
    return asked;
  } finally {
    await plain.close();
    await fast.close();
    await lake.close();
  }
}

const parts = 4;

type State = readonly [name: string, change: () => Promise<unknown>, rowsStay?: true];

function history(lake: TestLake, random: Random, { hours, languages: filled }: Differential): State[] {
  const inlining = (rows: number) =>
    lake.connection.run(`CALL ducklake_set_option('lake', 'data_inlining_row_limit', '${rows}')`);
  const fill = async (part: number, length = 1) => {
    // Some files overlap in time, as late rows make them.
    const from = begin + part * hours * 3600 - (part > 0 ? random.pick([0, 0, 60, 600]) : 0);
    const span: Span = { from, to: from + length * hours * 3600 };
    for (const language of filled) await language.fill(lake, random, span);
  };
  const each = async (work: (table: (typeof tables)[number]['name']) => Promise<unknown>) => {
    for (const { name } of tables) await work(name);
  };
  return [
    [
      'files',
      async () => {
        await inlining(0);
        await fill(0);
        await fill(1);
      },
    ],
    ['compacted files', () => each((table) => lake.compact(table)), true],
    [
      'a small file of a commit besides',
      async () => {
        await fill(2, 0.2);
        await each((table) => lake.commit(table));
      },
    ],
    ['a file besides', () => fill(2)],
    ['the same as of a commit', () => each((table) => lake.commit(table)), true],
    ['joined files', () => each((table) => lake.join(table)), true],
    [
      'rows in the catalog',
      async () => {
        await inlining(1_000_000);
        await fill(3);
      },
    ],
    [
      'deletions',
      () =>
        each((table) =>
          lake.connection.run(
            `DELETE FROM lake.main.${table} WHERE k8s_pod_name = 'pod-${1 + random.below(3)}'`,
          ),
        ),
    ],
    ['flushed rows', () => lake.connection.run(`CALL ducklake_flush_inlined_data('lake')`), true],
    ['merged files', () => lake.connection.run(`CALL ducklake_merge_adjacent_files('lake')`), true],
    ['all compacted', () => each((table) => lake.compact(table)), true],
  ];
}

async function app(guard: TestLake['guard']): Promise<FastifyInstance> {
  const made = fastify();
  const telemetry = createTelemetry('silent');
  for (const api of [prometheusApi, lokiApi, tempoApi]) await made.register(api({ guard, telemetry }));
  return made;
}

/** False when it was refused, by both alike. */
async function ask(
  plain: FastifyInstance,
  fast: FastifyInstance,
  language: Language,
  random: Random,
  whole: Span,
): Promise<boolean> {
  const url = language.question(random, whole);
  const [one, other] = [await plain.inject({ url }), await fast.inject({ url })];
  assert.equal(other.statusCode, one.statusCode, `${url}\n${one.body}\n${other.body}`);
  assert.deepEqual(language.comparable(url, other.body), language.comparable(url, one.body), url);
  return one.statusCode < 400;
}

/** Asks now, of the rows as they are, and once more when the function that is given back is called. */
async function askAgain(
  plain: FastifyInstance,
  fast: FastifyInstance,
  language: Language,
  random: Random,
  whole: Span,
): Promise<() => Promise<void>> {
  const url = language.question(random, whole);
  const before = await plain.inject({ url });
  return async () => {
    for (const app of [plain, fast]) {
      const after = await app.inject({ url });
      assert.equal(after.statusCode, before.statusCode, `${url}\n${before.body}\n${after.body}`);
      assert.deepEqual(language.comparable(url, after.body), language.comparable(url, before.body), url);
    }
  };
}
