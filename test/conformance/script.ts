import { readdirSync, readFileSync } from 'node:fs';

/** A `load` block and time 0 of its script. */
export interface Load {
  readonly args: string;
  readonly lines: readonly string[];
  readonly origin: number;
}

export interface Case {
  readonly kind: 'eval' | 'fail' | 'missing';
  readonly feature: string;
  readonly line: number;
  /** What stands behind the keyword: how to ask, and the query. */
  readonly args: string;
  readonly expected: readonly string[];
  readonly origin: number;
}

export interface Script {
  readonly file: string;
  readonly loads: readonly Load[];
  readonly cases: readonly Case[];
}

/** Monday. */
const firstOrigin = Date.UTC(2026, 2, 2);
/** Data of one script never come near those of another. */
const between = 6 * 3_600_000;

/** The scripts of a language in the order of their file names. */
export function readScripts(language: string): Script[] {
  const folder = new URL(`../../../test/conformance/${language}/`, import.meta.url);
  let origin = firstOrigin;
  return readdirSync(folder)
    .filter((file) => file.endsWith('.case'))
    .sort()
    .map((file) => {
      const read = readScript(file, readFileSync(new URL(file, folder), 'utf8'), origin);
      origin = read.next;
      return read.script;
    });
}

function readScript(file: string, text: string, from: number): { script: Script; next: number } {
  const loads: Load[] = [];
  const cases: Case[] = [];
  let feature = file.replace(/\.case$/, '');
  let origin = from;
  let body: string[] = [];
  text.split('\n').forEach((raw, index) => {
    if (raw.trim() === '' || raw.trimStart().startsWith('#')) return;
    if (/^\s/.test(raw)) {
      body.push(raw.trim());
      return;
    }
    const [, keyword = '', args = ''] = /^(\S+)\s*(.*)$/.exec(raw.trimEnd()) ?? [];
    body = [];
    if (keyword === 'feature') feature = args;
    else if (keyword === 'clear') origin += between;
    else if (keyword === 'load') loads.push({ args, lines: body, origin });
    else if (keyword === 'eval' || keyword === 'fail' || keyword === 'missing')
      cases.push({ kind: keyword, feature, line: index + 1, args, expected: body, origin });
    else throw new Error(`${file}:${index + 1}: ${keyword} is no keyword`);
  });
  return { script: { file, loads, cases }, next: origin + between };
}
