import { addDocument, documentFields } from './document.js';
import type { Format } from './format.js';
import { linesOf } from './json-text.js';
import { LogRequest } from './log-request.js';

/** What Splunk's raw endpoint takes: a record a line. Time, host, source, sourcetype and index are the request's. */
export const splunkRaw: Format = {
  column: 'splunk_hec',
  prepare(given) {
    const parameters = new URLSearchParams(given.parameters);
    const fields = documentFields(parameters);
    const { body, take } = given;
    take(body.length * 3);
    const time = parameters.get('time');
    const host = parameters.get('host');
    const more = Object.fromEntries(
      ['source', 'sourcetype', 'index'].flatMap((name) => {
        const value = parameters.get(name);
        return value === null ? [] : [[name, value]];
      }),
    ) as Record<string, string>;
    const out = new LogRequest(given);
    const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
    for (const line of linesOf(text)) {
      const document = {
        message: line.replace(/\r$/, ''),
        ...more,
        ...(time !== null && { '@timestamp': time }),
        ...(host !== null && { 'host.name': host }),
      };
      const why = addDocument(document, fields, out);
      if (why !== null) out.reject('malformed', why);
    }
    return out.finish();
  },
};
