import { lokiLabelName } from '../../attributes/label-name.js';
import { extractedSuffix } from '../model/labels.js';
import { isWanted, noLabels, type Hints, type StageDefinition, type StageFn } from '../pipeline/stage.js';
import { formatExtractions, parseExtractions, type Extraction } from './extraction.js';

export interface LogfmtStage {
  readonly kind: 'logfmt';
  readonly strict: boolean;
  readonly keepEmpty: boolean;
  readonly fields: readonly Extraction[];
}

/** `| logfmt --strict --keep-empty a="b"` */
export const logfmt: StageDefinition<LogfmtStage> = {
  kind: 'logfmt',
  nodes: ['LabelParser logfmt', 'LogfmtParser', 'LogfmtExpressionParser'],
  work: 'parses',
  line: 'read',
  parse(node) {
    const flags = node.child('LogfmtParserFlags')?.flatten() ?? [];
    const has = (flag: string) => flags.some(({ text }) => text === flag);
    const fields = parseExtractions(node);
    return { kind: 'logfmt', strict: has('--strict'), keepEmpty: has('--keep-empty'), fields };
  },
  format({ strict, keepEmpty, fields }) {
    const flags = [strict && '--strict', keepEmpty && '--keep-empty'];
    return ['| logfmt', ...flags, formatExtractions(fields)].filter(Boolean).join(' ');
  },
  reads: noLabels,
  sql: (_, scope) => scope.parse(),
  compile: runLogfmt,
};

const logfmtError = 'LogfmtParserErr';

class LogfmtSyntaxError extends Error {}

/** Thrown where Loki reads no further. */
class Enough extends Error {}

/**
 * Reads `key=value key2="quoted value" flag` pairs. A pair that does not parse is skipped, or ends the scan
 * with LogfmtSyntaxError when `strict`. A key without a value gives an empty one.
 */
export function scanLogfmt(line: string, strict: boolean, emit: (key: string, value: string) => void): void {
  let at = 0;
  const end = line.length;
  const space = (code: number) => code <= 32;
  const bad = (): void => {
    if (strict) {
      throw new LogfmtSyntaxError(`logfmt syntax error at pos ${at + 1} : unexpected '${line[at] ?? ''}'`);
    }
    while (at < end && !space(line.charCodeAt(at))) at++;
  };
  while (at < end) {
    if (space(line.charCodeAt(at))) {
      at++;
      continue;
    }
    const keyStart = at;
    while (at < end && line[at] !== '=' && line[at] !== '"' && !space(line.charCodeAt(at))) at++;
    const key = line.slice(keyStart, at);
    if (key === '' || line[at] === '"') {
      bad();
      continue;
    }
    if (line[at] !== '=') {
      emit(key, '');
      continue;
    }
    at++;
    if (line[at] === '"') {
      const start = at++;
      while (at < end && line[at] !== '"') at += line[at] === '\\' ? 2 : 1;
      if (at >= end) {
        if (strict) throw new LogfmtSyntaxError('logfmt syntax error: unterminated quoted value');
        return;
      }
      at++;
      emit(key, unescape(line.slice(start, at)));
      continue;
    }
    const valueStart = at;
    while (at < end && line[at] !== '=' && line[at] !== '"' && !space(line.charCodeAt(at))) at++;
    if (line[at] === '=' || line[at] === '"') bad();
    else emit(key, line.slice(valueStart, at));
  }
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ["'", "'"],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

/** A quoted value with JSON's escapes; one with an invalid escape counts as empty. */
function unescape(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  let valid = true;
  const text = quoted
    .slice(1, -1)
    .replaceAll(/\\(?:u([0-9a-fA-F]{4})|([\s\S])|$)/g, (_, code?: string, char?: string) => {
      if (code !== undefined) return String.fromCharCode(parseInt(code, 16));
      const plain = escapes.get(char ?? '');
      valid &&= plain !== undefined;
      return plain ?? '';
    });
  return valid ? text : '';
}

function runLogfmt(stage: LogfmtStage, hints: Hints | undefined): StageFn {
  // One key may be wanted under several names.
  const wanted = new Map<string, string[]>();
  for (const { name, path } of stage.fields) {
    const key = path.startsWith('"') && path.endsWith('"') ? path.slice(1, -1) : path;
    wanted.set(key, [...(wanted.get(key) ?? []), name]);
  }
  const named = new Set([...wanted.values()].flat());
  return (row) => {
    const { labels } = row;
    for (const name of named) if (!labels.isTaken(name)) labels.name(name, '');
    const take = (key: string, value: string) => {
      // As in Loki, what was found under its own name before is not found again under another.
      if (!named.has(key) && labels.isSet(key)) return;
      for (const name of wanted.get(key) ?? []) {
        if (labels.isTaken(name) && labels.isSet(`${name}${extractedSuffix}`)) throw new Enough();
        labels.name(name, value);
      }
    };
    try {
      scanLogfmt(row.line, stage.strict, (key, value) => {
        if (wanted.size > 0) take(key, value);
        else if (value !== '' || stage.keepEmpty) {
          const name = lokiLabelName(key);
          if (isWanted(name, labels, hints)) labels.extract(name, value);
        }
      });
    } catch (error) {
      if (error instanceof Enough) return true;
      if (!(error instanceof LogfmtSyntaxError)) throw error;
      labels.failAgain(logfmtError, error.message);
    }
    return true;
  };
}
