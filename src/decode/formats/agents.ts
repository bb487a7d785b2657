import { malformed } from '../errors.js';
import { addDocument, documentFields } from './document.js';
import type { Format } from './format.js';
import { isObject, jsonBody, jsonText } from './json-text.js';
import { LogRequest } from './log-request.js';

/** Datadog's agents: an array of `{message, ddsource, ddtags, hostname, service, status, timestamp}`, or one. */
export const datadogJson: Format = {
  column: 'datadog_json',
  prepare(given) {
    const body = jsonBody(given);
    const fields = documentFields(new URLSearchParams(given.parameters));
    const out = new LogRequest(given);
    for (const entry of Array.isArray(body) ? (body as unknown[]) : [body]) {
      if (!isObject(entry)) {
        out.reject('malformed', 'malformed: an entry is not an object');
        continue;
      }
      const { ddtags, hostname, ...rest } = entry;
      const host = typeof hostname === 'string' ? { 'host.name': hostname } : {};
      const why = addDocument(
        { ...rest, ...host },
        fields,
        out,
        typeof ddtags === 'string' ? tagsOf(ddtags) : [],
      );
      if (why !== null) out.reject('malformed', why);
    }
    return out.finish();
  },
};

/** `env:prod,team:a`; of them `env` and `version` are attributes of OpenTelemetry. */
function tagsOf(text: string): [string, string][] {
  return text.split(',').flatMap((tag): [string, string][] => {
    const at = tag.indexOf(':');
    if (at < 1) return [];
    const [name, value] = [tag.slice(0, at).trim(), tag.slice(at + 1)];
    return [[name === 'env' ? 'deployment.environment.name' : name, value]];
  });
}

/** Splunk's HTTP Event Collector: objects `{time, host, source, sourcetype, index, event, fields}`, one after the other. */
export const splunkHec: Format = {
  column: 'splunk_hec',
  prepare(given) {
    const fields = documentFields(new URLSearchParams(given.parameters));
    const out = new LogRequest(given);
    for (const text of objectsIn(jsonText(given))) {
      let envelope: unknown;
      try {
        envelope = JSON.parse(text);
      } catch {
        throw malformed('the body is not a series of JSON objects');
      }
      const { event, time, host, fields: own, ...rest } = isObject(envelope) ? envelope : {};
      if (event === undefined || event === null || event === '') {
        const what = event === '' ? 'Event field cannot be blank' : 'Event field is required';
        out.reject('malformed', `malformed: ${what}`);
        continue;
      }
      const document = {
        ...rest,
        ...(isObject(own) ? own : {}),
        ...(isObject(event) ? event : { message: event }),
        ...(time !== undefined && { '@timestamp': typeof time === 'string' ? Number(time) : time }),
        ...(typeof host === 'string' && { 'host.name': host }),
      };
      const why = addDocument(document, fields, out);
      if (why !== null) out.reject('malformed', why);
    }
    return out.finish();
  },
};

const between = /^[\s,[\]]*$/;
const [quote, backslash, open, close] = ['"', '\\', '{', '}'].map((char) => char.charCodeAt(0));

/** The texts of JSON objects that stand one after the other, with spaces between them, or as those of an array. */
function* objectsIn(text: string): Generator<string> {
  let depth = 0;
  let from = 0;
  let found = false;
  const nothing = (start: number, end: number) => {
    if (!between.test(text.slice(start, end))) throw malformed('the body is not a series of JSON objects');
  };
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === quote && depth > 0) {
      for (i++; i < text.length && text.charCodeAt(i) !== quote; i++)
        if (text.charCodeAt(i) === backslash) i++;
    } else if (char === open) {
      if (depth++ > 0) continue;
      nothing(from, i);
      from = i;
    } else if (char === close && depth > 0 && --depth === 0) {
      found = true;
      yield text.slice(from, i + 1);
      from = i + 1;
    }
  }
  if (depth > 0) throw malformed('the body ends within a JSON object');
  nothing(from, text.length);
  if (!found) throw malformed('the body has no event');
}
