import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { resolveConfig } from '../../src/config/index.js';
import { run, secretEnv, skipWithout, text, tool } from './files.js';

const files = ['one-node.yaml', 'cluster.yaml', 'grafana.yaml'];

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly ports?: readonly string[];
  readonly networks?: readonly string[] | Readonly<Record<string, unknown>>;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks?: Readonly<Record<string, { internal?: boolean } | null>>;
}

const load = (name: string) => parse(text(`deploy/compose/${name}`), { merge: true }) as Compose;

const example = new Map(
  [...text('deploy/compose/.env.example').matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [
    name,
    value || `value-of-${name.toLowerCase()}`,
  ]),
);

/** `${NAME}`, `${NAME:?message}` and `${NAME:-default}`, as compose fills them in. */
function interpolate(value: string): string {
  return value.replace(/\$\{(\w+)(?::([?-])([^}]*))?\}/g, (_, name: string, kind?: string, rest?: string) => {
    const given = example.get(name) ?? (kind === '-' ? rest : undefined);
    assert.ok(given !== undefined, `${name} is not in .env.example`);
    return given;
  });
}

const canardstack = (compose: Compose) =>
  Object.entries(compose.services).filter(([, { image }]) => image?.startsWith('canardstack:'));

describe('compose files', () => {
  const checker = tool('compose_spec');
  for (const name of files) {
    it(
      `${name} conforms to the Compose Specification`,
      { skip: skipWithout(checker, 'compose_spec') },
      async () => {
        const { stdout } = await run(resolve(checker ?? ''), ['-no-interpolation', '-format', 'json', name], {
          cwd: 'deploy/compose',
        });
        const { services } = JSON.parse(stdout) as Compose;
        assert.ok(services['grafana']?.image.startsWith('grafana/grafana:'), 'extends is followed');
      },
    );

    it(`${name} gives settings that are valid, and secrets only by reference`, () => {
      for (const [service, { environment = {} }] of Object.entries(load(name).services)) {
        for (const [key, value] of Object.entries(environment)) {
          if (secretEnv.includes(key) || /PASSWORD|SECRET|_KEY$/.test(key)) {
            assert.match(value, /\$\{\w+(:\?[^}]+)?\}$/, `${service}: ${key}`);
          }
        }
        const env = Object.fromEntries(
          Object.entries(environment).map(([key, value]) => [key, interpolate(value)]),
        );
        assert.deepEqual(resolveConfig({ env }).warnings, [], service);
      }
    });

    it(`${name} pins images and listens on loopback unless told otherwise`, () => {
      for (const [service, { image, ports = [] }] of Object.entries(load(name).services)) {
        if (image !== undefined) assert.match(image, /:v?\d+\.\d+\.\d+$/, service);
        for (const port of ports) assert.match(port, /^\$\{LISTEN:-127\.0\.0\.1\}:/, service);
      }
    });
  }

  it('run canardstack without privileges and with a read-only root', () => {
    let seen = 0;
    for (const [service, it] of [
      ...canardstack(load('one-node.yaml')),
      ...canardstack(load('cluster.yaml')),
    ]) {
      seen++;
      assert.equal(it.read_only, true, service);
      assert.deepEqual(it.cap_drop, ['ALL'], service);
      assert.deepEqual(it.security_opt, ['no-new-privileges:true'], service);
      assert.ok(
        it.volumes?.some((volume) => volume.endsWith(':/var/lib/canardstack')),
        service,
      );
    }
    assert.equal(seen, 4);
  });

  it('keep the catalog and the objects on an inside network without ports', () => {
    const { services, networks } = load('cluster.yaml');
    assert.equal(networks?.['inside']?.internal, true);
    for (const service of ['catalog', 's3']) {
      assert.deepEqual(services[service]?.networks, ['inside']);
      assert.equal(services[service]?.ports, undefined);
    }
  });

  it('give the catalog server the object store too, which CHECKPOINT reads', () => {
    const { services } = load('cluster.yaml');
    for (const key of [
      'CANARDSTACK_DUCKLAKE_DATA_PATH',
      'CANARDSTACK_S3_ENDPOINT',
      'AWS_SECRET_ACCESS_KEY',
    ]) {
      const values = ['catalog', 'ingest', 'query'].map((name) => services[name]?.environment?.[key]);
      assert.ok(values[0] !== undefined && new Set(values).size === 1, key);
    }
  });
});
