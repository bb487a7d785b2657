import { malformed } from '../errors.js';
import { addDocument, documentFields } from './document.js';
import type { Format } from './format.js';
import { isObject, jsonBody, jsonObject, jsonText, linesOf } from './json-text.js';
import { LogRequest } from './log-request.js';

/** Actions of a bulk request that make a document. */
const makes: ReadonlySet<string> = new Set(['index', 'create']);

/**
 * Elasticsearch's bulk request: an action a line, and its document on the next. `items` among the notes has a letter for each
 * action, its first; a capital is one that was refused. `names` has what they named, in JSON: how many, their index and their
 * identifier, null for none.
 */
export const elasticsearchBulk: Format = {
  column: 'elasticsearch_bulk',
  prepare(given) {
    const parameters = new URLSearchParams(given.parameters);
    const fields = documentFields(parameters);
    const out = new LogRequest(given);
    const lines: Iterator<string, undefined> = linesOf(jsonText(given));
    let number = 0;
    const next = (): string | undefined => {
      number++;
      const line = lines.next();
      return line.done === true ? undefined : line.value;
    };
    let items = '';
    const names: [number, string | null, string | null][] = [];
    const refuse = (action: string, sentence: string) => {
      items += action[0]?.toUpperCase() ?? 'X';
      out.reject('malformed', `malformed: ${sentence}`);
    };
    for (let text = next(); text !== undefined; text = next()) {
      const line = jsonObject(text);
      const [action, about] = typeof line === 'string' ? [] : (Object.entries(line)[0] ?? []);
      // Without it nobody knows which lines are documents.
      if (action === undefined || !isObject(about)) throw malformed(`line ${number} must be an action`);
      const known = makes.has(action) || action === 'update' || action === 'delete';
      if (!known) throw malformed(`line ${number} must be an action`);
      const [index, id] = [textOf(about['_index']), textOf(about['_id'])];
      const run = names.at(-1);
      if (run && id === null && run[1] === index && run[2] === null) run[0]++;
      else names.push([1, index, id]);
      if (action === 'delete') {
        refuse(action, 'delete is not possible');
        continue;
      }
      const document = jsonObject(next() ?? '');
      if (action === 'update') {
        refuse(action, 'update is not possible');
        continue;
      }
      if (typeof document === 'string') {
        refuse(action, `a document is ${document}`);
        continue;
      }
      const into = index ?? parameters.get('index');
      const why = addDocument(document, fields, out, into === null ? [] : [['_index', into]]);
      if (why === null) items += action[0];
      else refuse(action, why.replace(/^malformed: /, ''));
    }
    return out.finish({ items, names: JSON.stringify(names) });
  },
  notes({ notes }, { rejections }) {
    // Records of the request are numbered as the actions that were not refused before.
    const failed = new Set(rejections.at);
    let record = 0;
    const items = String(notes?.['items'] ?? '').replace(/[a-z]/g, (letter) =>
      failed.has(++record) ? letter.toUpperCase() : letter,
    );
    return { ...notes, items };
  },
};

/** Of what an action says, which numbers may be too. */
function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : null;
}

/** One document. */
export const elasticsearchDocument: Format = {
  column: 'elasticsearch_bulk',
  prepare(given) {
    const parameters = new URLSearchParams(given.parameters);
    const document = jsonBody(given);
    if (!isObject(document)) throw malformed('the body must be an object');
    const out = new LogRequest(given);
    const index = parameters.get('index');
    const why = addDocument(
      document,
      documentFields(parameters),
      out,
      index === null ? [] : [['_index', index]],
    );
    if (why !== null) throw malformed(why);
    return out.finish();
  },
};
