import { JsonScanner, JsonSyntaxError } from '../../attributes/json-scanner.js';
import { lokiLabelName } from '../../attributes/label-name.js';
import { noLabels, type StageDefinition, type StageFn } from '../pipeline/stage.js';
import { jsonError } from './json-line.js';

/** In Loki's words, with the number that its JSON library has for an object. */
const notUnpacked = 'expecting json object(6), but it is not';

export interface UnpackStage {
  readonly kind: 'unpack';
}

/** `| unpack`: the string members of an object become labels and its `_entry` the line. */
export const unpack: StageDefinition<UnpackStage> = {
  kind: 'unpack',
  nodes: ['LabelParser unpack'],
  work: 'parses',
  line: 'changed',
  parse: () => ({ kind: 'unpack' }),
  format: () => '| unpack',
  reads: noLabels,
  sql(_, scope) {
    scope.parse();
    scope.changeLine();
  },
  compile: unpackLine,
};

function unpackLine(): StageFn {
  return (row) => {
    if (row.line === '') return true;
    if (!row.line.startsWith('{')) {
      row.labels.failAgain(jsonError, notUnpacked);
      return true;
    }
    const found = new Map<string, string>();
    let entry: string | undefined;
    try {
      const scanner = new JsonScanner(row.line);
      scanner.object((key) => {
        if (scanner.peek() !== '"') scanner.skip();
        else if (key === '_entry') entry = scanner.string();
        else found.set(lokiLabelName(key), scanner.string());
      });
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
      row.labels.failAgain(jsonError, error.message);
      return true;
    }
    // An object without `_entry` was not packed, so it is left alone.
    if (entry === undefined) return true;
    for (const [name, value] of found) row.labels.extract(name, value);
    row.line = entry;
    return true;
  };
}
