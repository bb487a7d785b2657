import { malformed } from '../errors.js';
import { scanJson } from '../json/scan.js';
import type { Given } from './format.js';

/** The body as a JSON value, within the bounds of what a request may become. */
export function jsonBody({ body, limits, take }: Given): unknown {
  const text = scanJson(body, limits.maxRequestRowBytes, take);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw malformed(`the body is not JSON: ${reasonOf(error)}`);
  }
}

/** The text of a body of JSON lines, within the same bounds. */
export function jsonText({ body, limits, take }: Given): string {
  return scanJson(body, limits.maxRequestRowBytes, take);
}

/** The lines of a text, one by one; empty ones are left out. */
export function* linesOf(text: string): Generator<string, undefined> {
  for (let from = 0; from < text.length;) {
    const feed = text.indexOf('\n', from);
    const to = feed < 0 ? text.length : feed;
    const line = text.slice(from, to);
    if (line.trim() !== '') yield line;
    from = to + 1;
  }
  return undefined;
}

/** The object in a line, or why there is none. */
export function jsonObject(line: string): Record<string, unknown> | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return `not JSON: ${reasonOf(error)}`;
  }
  return isObject(value) ? value : 'not a JSON object';
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The engine's message quotes the text, which may be long. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.length > 200 ? `${message.slice(0, 200)}…` : message;
}
