import { lokiLabelName } from '../../attributes/label-name.js';
import { noLabels, type Hints, type StageDefinition, type StageFn } from '../pipeline/stage.js';
import { jsonError } from './json-line.js';
import { eachJsonMember, JsonLineError, scalarText } from './json-members.js';

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

function unpackLine(_: UnpackStage, hints: Hints | undefined): StageFn {
  return (row) => {
    const { line, labels } = row;
    if (line === '') return true;
    if (!line.startsWith('{')) {
      labels.failAgain(jsonError, notUnpacked);
      return true;
    }
    const found: [name: string, value: string][] = [];
    let entry: string | undefined;
    try {
      eachJsonMember(line, 0, line.length, (key, value) => {
        if (value.kind !== 'string') return;
        if (key === '_entry') entry = scalarText(line, value);
        else found.push([lokiLabelName(key), scalarText(line, value)]);
      });
    } catch (error) {
      if (!(error instanceof JsonLineError)) throw error;
      labels.failAgain(jsonError, error.message);
      return true;
    }
    // An object without `_entry` was not packed, so it is left alone.
    if (entry === undefined) return true;
    const set = new Set<string>();
    for (const [name, value] of found) {
      const key = labels.keyOf(name);
      // Of members of one name the last counts, but each has to pass a filter behind.
      if (!set.has(key) && labels.isSet(key)) continue;
      set.add(key);
      labels.name(name, value);
      if (hints?.filters.get(key)?.(labels) === false) return false;
    }
    row.line = entry;
    return true;
  };
}
