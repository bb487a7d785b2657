import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { builtinModules } from 'node:module';
import { describe, it } from 'node:test';
import { run, skipWithout, text, tool } from './files.js';

const file = 'deploy/docker/Dockerfile';

/** What is wrong with an image by our own rules. */
function imageProblems(dockerfile: string): string[] {
  const lines = dockerfile
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const problems: string[] = [];
  const args = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^ARG (\w+)=(\S+)/.exec(line) ?? [];
    if (name && value) args.set(name, value);
  }
  const expand = (value: string): string =>
    value.replace(/\$\{(\w+)\}/g, (_, name: string) => expand(args.get(name) ?? name));
  const stages = new Set<string>();
  for (const line of lines.filter((each) => each.startsWith('FROM '))) {
    const [, image = '', stage] = /^FROM (?:--platform=\S+ )?(\S+)(?: AS (\S+))?/.exec(line) ?? [];
    const base = expand(image);
    if (!stages.has(base) && !/(:\d+\.\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})$/.test(base)) {
      problems.push(`the base ${base} is not pinned to a version`);
    }
    if (stage) stages.add(stage);
  }
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
  const has = (pattern: RegExp) => last.some((line) => pattern.test(line));
  const users = last.filter((line) => line.startsWith('USER ')).map((line) => expand(line.slice(5)));
  if (!/^[1-9]\d*(:[1-9]\d*)?$/.test(users.at(-1) ?? ''))
    problems.push('it does not run as a fixed, non-zero user id');
  if (lines.some((line) => line.startsWith('ADD '))) problems.push('ADD is used');
  if (!has(/^HEALTHCHECK .*CMD \["canardstack", "healthcheck"\]/)) problems.push('there is no HEALTHCHECK');
  if (!has(/^ENTRYPOINT \["tini", "--", "canardstack"\]/))
    problems.push('the entry point is not canardstack under an init');
  if (!lines.some((line) => /install-extensions --all/.test(line)))
    problems.push('extensions are not baked in');
  if (lines.some((line) => /(_KEY|_TOKEN|_SECRET|_DSN|PASSWORD)=/.test(line)))
    problems.push('a secret is baked in');
  return problems;
}

describe('the image', () => {
  const dockerfile = text(file);

  it('keeps to the rules', () => {
    assert.deepEqual(imageProblems(dockerfile), []);
  });

  for (const [broken, change] of Object.entries<(given: string) => string>({
    'not pinned': (given) => given.replace('${NODE_VERSION}-bookworm-slim', 'latest'),
    'user id': (given) => given.replace('USER ${CANARDSTACK_UID}:${CANARDSTACK_UID}', 'USER root'),
    'under an init': (given) => given.replace('"tini", "--", ', ''),
    ADD: (given) => given.replace('CMD ["serve"]', 'ADD https://example.com/x /x'),
    HEALTHCHECK: (given) => given.replace(/^HEALTHCHECK.*$/m, ''),
    'baked in': (given) => given.replace('ENV NODE_ENV', 'ENV CANARDSTACK_API_KEY=abcdefgh NODE_ENV'),
  })) {
    it(`would be found out: ${broken}`, () => {
      const changed = change(dockerfile);
      assert.notEqual(changed, dockerfile);
      assert.match(imageProblems(changed).join('\n'), new RegExp(broken));
    });
  }

  const hadolint = tool('hadolint');
  it('is clean for hadolint', { skip: skipWithout(hadolint, 'hadolint') }, async () => {
    await run(hadolint ?? 'hadolint', ['--failure-threshold', 'style', file]);
  });

  it('installs every package that the server imports', () => {
    const { dependencies } = JSON.parse(text('package.json')) as { dependencies: Record<string, string> };
    const missing = new Set<string>();
    for (const path of readdirSync('src', { recursive: true, encoding: 'utf8' })) {
      if (!/(?<!\.test)\.c?ts$/.test(path)) continue;
      const source = text(join('src', path));
      for (const [, specifier = ''] of source.matchAll(
        /(?:\bfrom|\bimport\(|\brequire\()\s*'([@a-z][\w@/:.-]*)'/g,
      )) {
        const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
        const builtin = name.startsWith('node:') || builtinModules.includes(name);
        if (!builtin && dependencies[name] === undefined) missing.add(`${path}: ${name}`);
      }
      assert.doesNotMatch(
        source,
        /from '(\.\.\/)+(test|bench|drill)\//,
        `${path} needs what the image lacks`,
      );
    }
    assert.deepEqual([...missing], []);
  });

  it('is built from what the ignore file lets through', () => {
    const allowed = text('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    for (const [, sources = ''] of dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)) {
      for (const source of sources.split(' ')) assert.ok(allowed.includes(source), source);
    }
    assert.match(text('.dockerignore'), /^\*$/m);
  });
});
