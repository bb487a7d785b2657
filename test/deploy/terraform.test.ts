import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { onPath, run, text } from './files.js';

const folder = 'deploy/gcp';
const source = ['main.tf', 'secrets.tf', 'variables.tf', 'outputs.tf', 'versions.tf']
  .map((file) => text(`${folder}/${file}`))
  .join('\n');

/** The text of a resource's block. */
function resource(type: string, name: string, from = source): string {
  const start = from.indexOf(`resource "${type}" "${name}" {`);
  assert.notEqual(start, -1, `${type}.${name}`);
  return from.slice(start, from.indexOf('\n}\n', start));
}

/** What the stack must never be, one sentence each. */
function problems(from: string): string[] {
  const found: string[] = [];
  const check = (ok: boolean, problem: string) => ok || found.push(problem);
  const database = resource('google_sql_database_instance', 'catalog', from);
  check(/ipv4_enabled\s+= false/.test(database), 'the database has a public address');
  check(/ssl_mode\s+= "ENCRYPTED_ONLY"/.test(database), 'the database takes connections in the clear');
  check(/backup_configuration \{\s+enabled\s+= true/.test(database), 'the database has no backups');
  check(/point_in_time_recovery_enabled = true/.test(database), 'the database has no point-in-time recovery');
  check(/prevent_destroy = true/.test(database), 'the database may be destroyed');
  const bucket = resource('google_storage_bucket', 'lake', from);
  check(/public_access_prevention\s+= "enforced"/.test(bucket), 'the bucket may be public');
  check(/uniform_bucket_level_access = true/.test(bucket), 'objects have permissions of their own');
  check(
    /force_destroy\s+= false/.test(bucket) && /prevent_destroy = true/.test(bucket),
    'the bucket may be destroyed',
  );
  const actions = [...bucket.matchAll(/type = "(\w+)"/g)].map(([, action]) => action);
  check(actions.join() === 'AbortIncompleteMultipartUpload', 'a lifecycle rule touches objects');
  const roles = [...from.matchAll(/role\s+= "([^"]+)"/g)].map(([, role]) => role);
  check(roles.join() === 'roles/storage.objectAdmin', 'the identity may do more than use its bucket');
  check(
    /enable_private_nodes = true/.test(resource('google_container_cluster', 'main', from)),
    'nodes have public addresses',
  );
  const outputs = text(`${folder}/outputs.tf`);
  check(!/\.(secret|result|password)\b/.test(outputs), 'an output holds a secret');
  return found;
}

describe('Terraform for Google Cloud', () => {
  it('keeps to the rules', () => {
    assert.deepEqual(problems(source), []);
  });

  for (const [problem, [was, becomes]] of Object.entries<[RegExp, string]>({
    'public address': [/ipv4_enabled\s+= false/, 'ipv4_enabled = true'],
    'in the clear': [/ENCRYPTED_ONLY/, 'ALLOW_UNENCRYPTED_AND_ENCRYPTED'],
    'may be destroyed': [/prevent_destroy = true/g, 'prevent_destroy = false'],
    'touches objects': [/"AbortIncompleteMultipartUpload"/, '"Delete"'],
    'more than use its bucket': [/roles\/storage\.objectAdmin/, 'roles/storage.admin'],
  })) {
    it(`would be found out: ${problem}`, () => {
      const changed = source.replace(was, becomes);
      assert.notEqual(changed, source);
      assert.match(problems(changed).join('\n'), new RegExp(problem));
    });
  }

  it('uses only what is declared', () => {
    const declared = new Set(
      [...source.matchAll(/^(?:resource|data) "(\w+)" "(\w+)"/gm)].map(([, type, name]) => `${type}.${name}`),
    );
    const used = [...source.matchAll(/\b((?:google|random)_\w+\.\w+)/g)].map(([, name = '']) => name);
    assert.ok(used.length > 20);
    assert.deepEqual([...new Set(used.filter((name) => !declared.has(name)))], []);
    const variables = new Set([...source.matchAll(/^variable "(\w+)"/gm)].map(([, name]) => name));
    const wanted = new Set([...source.matchAll(/\bvar\.(\w+)/g)].map(([, name]) => name));
    assert.deepEqual([...wanted].sort(), [...variables].filter((name) => wanted.has(name)).sort());
  });

  it('gives the chart values that it knows', () => {
    const values = text('deploy/helm/canardstack/values.yaml');
    for (const key of ['existingSecret', 'postgresSecret', 'dataPath', 'gcsHmacSecret', 'storageClass']) {
      assert.match(text(`${folder}/outputs.tf`), new RegExp(key));
      assert.match(values, new RegExp(`${key}:`));
    }
  });

  it(
    'is formatted, and parses',
    { skip: onPath('terraform') ? false : 'terraform is not on the PATH' },
    async () => {
      await run('terraform', ['fmt', '-check', '-recursive', folder]);
    },
  );
});
