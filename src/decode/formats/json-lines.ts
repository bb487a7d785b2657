import { addDocument, documentFields } from './document.js';
import type { Format } from './format.js';
import { jsonObject, jsonText, linesOf } from './json-text.js';
import { LogRequest } from './log-request.js';

/** A JSON object a line, each a record; a line that is none is rejected by itself. */
export const jsonLinesFormat: Format = {
  column: 'json_lines',
  prepare(given) {
    const fields = documentFields(new URLSearchParams(given.parameters));
    const out = new LogRequest(given);
    for (const line of linesOf(jsonText(given))) {
      const document = jsonObject(line);
      const why =
        typeof document === 'string'
          ? `malformed: a line is ${document}`
          : addDocument(document, fields, out);
      if (why !== null) out.reject('malformed', why);
    }
    return out.finish();
  },
};
