import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { TestServer } from '../support/server.js';
import { filledServer } from './lake.js';
import type { Language } from './language.js';
import { readScripts, type Case } from './script.js';

/** Runs every script of the language against one server. */
export function suite(language: Language): void {
  const scripts = readScripts(language.name);
  describe(`${language.title} conformance`, { concurrency: 4 }, () => {
    let server: TestServer;
    before(async () => {
      server = await filledServer(language, scripts);
    });
    after(async () => {
      await server.stop();
      await rm(server.dataDir, { recursive: true, force: true });
    });
    for (const { file, cases } of scripts) {
      for (const one of cases) {
        it(`${file}:${one.line} ${one.args}`, () => verify(language, server.url, one));
      }
    }
  });
}

async function verify(language: Language, url: string, one: Case): Promise<void> {
  const outcome = await language.ask(url, one.args, one.origin);
  if (one.kind !== 'eval') {
    const [status = '400', ...words] = one.expected;
    assert.equal(String(outcome.status), status, outcome.error);
    for (const text of words) assert.ok(outcome.error.includes(text), `${outcome.error}\n lacks ${text}`);
    return;
  }
  assert.equal(outcome.status, 200, outcome.error);
  const [got, expected] = [[...outcome.rows], one.expected.map(language.row)];
  if (!language.ordered(one.args)) {
    got.sort();
    expected.sort();
  }
  assert.deepEqual(got, expected);
}
