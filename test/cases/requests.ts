/* eslint-disable @typescript-eslint/no-unsafe-assignment -- answers are of many shapes */
import assert from 'node:assert/strict';

/** What a server answered: its status, its body as text and, where it is JSON, read. */
export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly json: Json;
  readonly headers: Headers;
}

/** JSON of any shape, of which tests read what they expect. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each test names the shape by what it reads
export type Json = any;

type Params = Readonly<Record<string, string | number | readonly string[]>>;

/** Asks one server. */
export class Requests {
  constructor(private readonly url: string) {}

  async get(path: string, params: Params = {}, init: RequestInit = {}): Promise<Answered> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(params)) {
      for (const one of Array.isArray(value) ? (value as string[]) : [value]) query.append(name, String(one));
    }
    const text = query.toString();
    const answer = await fetch(`${this.url}${path}${text === '' ? '' : `?${text}`}`, init);
    return read(answer);
  }

  async post(path: string, body: object): Promise<Answered> {
    const headers = { 'content-type': 'application/json' };
    return read(await fetch(`${this.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) }));
  }

  /** The JSON of an answer that must be a success. */
  async found(path: string, params: Params = {}): Promise<Json> {
    const answer = await this.get(path, params);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }
}

async function read(answer: Response): Promise<Answered> {
  const text = await answer.text();
  let json: Json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: answer.status, text, json, headers: answer.headers };
}
