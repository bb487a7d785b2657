import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Answer } from './ask.js';

interface Change extends Answer {
  readonly reason: string;
}

export interface Difference {
  readonly id: string;
  readonly expected: string;
  readonly got: string;
}

const folder = 'test/answers';
/** One answer a line, so that a diff shows which one changed. */
const recordedFile = `${folder}/recorded.jsonl`;
const acceptedFile = `${folder}/accepted.jsonl`;

type Line = { readonly id: string } & Answer & Partial<Change>;

function read(file: string): Line[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

const write = (file: string, lines: readonly object[]) =>
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));

/** What the questions were answered when they were recorded. */
export function recorded(): Map<string, Answer> {
  return new Map(read(recordedFile).map(({ id, status, body }) => [id, { status, body }]));
}

/** Answers that were found wrong in the recording, and are right now, with the reason. */
export function accepted(): Map<string, Change> {
  return new Map(
    read(acceptedFile).map(({ id, reason = '', status, body }) => [id, { reason, status, body }]),
  );
}

export function writeRecorded(answers: ReadonlyMap<string, Answer>): void {
  write(
    recordedFile,
    [...answers].map(([id, answer]) => ({ id, ...answer })),
  );
}

export function writeAccepted(differences: readonly Difference[], reason: string): void {
  if (reason === '') throw new Error('a change needs its reason');
  const book = new Map(read(acceptedFile).map((line) => [line.id, line as object]));
  for (const { id, got } of differences) book.set(id, { id, reason, ...(JSON.parse(got) as Answer) });
  write(acceptedFile, [...book.values()]);
}

export function differences(
  answers: ReadonlyMap<string, Answer>,
  before: ReadonlyMap<string, Answer>,
  changes: ReadonlyMap<string, Change>,
): Difference[] {
  const found: Difference[] = [];
  for (const [id, answer] of answers) {
    const wanted = changes.get(id) ?? before.get(id);
    const expected = wanted ? JSON.stringify({ status: wanted.status, body: wanted.body }) : 'not recorded';
    const got = JSON.stringify(answer);
    if (expected !== got) found.push({ id, expected, got });
  }
  return found;
}
