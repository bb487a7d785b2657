import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments, stringify } from 'yaml';
import { resolveConfig } from '../../src/config/index.js';
import { run, secretEnv, secretSettings, skipWithout, text, tool } from './files.js';

const chart = 'deploy/helm/canardstack';
/** The oldest and a newer version that the chart is for. */
const versions = ['1.29.0', '1.36.0'];
const kubernetes = '1.36.0';
/** Kinds that other projects define; their schemas are in no package. */
const foreignKinds = ['ServiceMonitor', 'Certificate'];
const helm = tool('helm');
const validate = tool('kubernetes-validate');

interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string; readonly key: string } };
}
interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Record<string, unknown>;
  readonly containers: readonly {
    readonly args: readonly string[];
    readonly env: readonly EnvVar[];
    readonly securityContext: Record<string, unknown>;
    readonly resources: { readonly limits?: Record<string, string> };
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
    readonly readinessProbe?: unknown;
    readonly livenessProbe?: unknown;
  }[];
}
interface Peer {
  readonly podSelector?: { readonly matchLabels?: Record<string, string> };
}
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Record<string, string> };
  readonly spec: {
    replicas?: number;
    updateStrategy?: { type: string };
    podManagementPolicy?: string;
    volumeClaimTemplates?: { metadata: { name: string }; spec: { accessModes: string[] } }[];
    persistentVolumeClaimRetentionPolicy?: Record<string, string>;
    template: { readonly spec: PodSpec };
    ingress?: { from?: Peer[]; ports?: { port: string | number }[] }[];
    policyTypes?: string[];
    podSelector?: { matchLabels: Record<string, string> };
    scaleTargetRef?: { name: string };
    maxUnavailable?: number;
  };
}

const quack = {
  auth: { existingSecret: 'keys' },
  storage: { dataPath: 's3://bucket/lake', s3Region: 'eu-central-1', s3Secret: 's3-keys' },
  catalog: { tokenSecret: 'token', tls: { existingSecret: 'catalog-tls' } },
  settings: { CANARDSTACK_RETENTION_DAYS: 30 },
  serviceMonitor: { enabled: true },
};
const postgres = {
  auth: { existingSecret: 'keys' },
  storage: { dataPath: 'gs://bucket/lake', gcsHmacSecret: 'hmac' },
  catalog: { kind: 'postgres', postgresSecret: 'dsn' },
  tls: { existingSecret: 'node-tls' },
  query: { autoscaling: { enabled: false }, replicas: 3 },
  ingest: { settings: { CANARDSTACK_SEAL_INTERVAL_MS: '2s' } },
};
const certManager = {
  ...quack,
  catalog: { tokenSecret: 'token', tls: { certManagerIssuer: { name: 'ca', kind: 'ClusterIssuer' } } },
};

let folder: string;

async function render(values: unknown, extra: readonly string[] = []): Promise<string> {
  const file = join(folder, 'values.yaml');
  await writeFile(file, stringify(values));
  const args = ['template', 'release', chart, '--kube-version', kubernetes, '--values', file, ...extra];
  return (await run(helm ?? 'helm', args)).stdout;
}

const parsed = (rendered: string) =>
  parseAllDocuments(rendered)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);

/** What a secret may hold. */
const secretOf = (name: string) =>
  name.endsWith('POSTGRES_DSN') ? 'host=db dbname=canardstack' : 'from-a-secret';

const workloads = (manifests: readonly Manifest[]) =>
  manifests.filter(({ kind }) => ['StatefulSet', 'Deployment'].includes(kind));
const component = (manifest: Manifest) => manifest.metadata.labels['app.kubernetes.io/component'];
const named = (manifests: readonly Manifest[], kind: string, part: string) =>
  manifests.filter((manifest) => manifest.kind === kind && component(manifest) === part);

/** What a rendered chart must never be, one sentence each. */
function problems(manifests: readonly Manifest[]): string[] {
  const found: string[] = [];
  const check = (ok: boolean, problem: string) => ok || found.push(problem);
  for (const catalog of workloads(manifests).filter((each) => component(each) === 'catalog')) {
    const { spec, kind } = catalog;
    check(kind === 'StatefulSet' && spec.replicas === 1, 'the catalog is not a StatefulSet of exactly one');
    check(spec.podManagementPolicy === 'OrderedReady', 'the catalog may start beside its predecessor');
    const claims = spec.volumeClaimTemplates ?? [];
    check(
      claims.some(({ metadata }) => metadata.name === 'data'),
      'the catalog has no persistent volume',
    );
    check(
      claims.every(({ spec: { accessModes } }) => accessModes.join() === 'ReadWriteOncePod'),
      'two pods may mount the catalog',
    );
  }
  for (const { kind, spec, metadata } of manifests) {
    if (kind !== 'HorizontalPodAutoscaler') continue;
    check(spec.scaleTargetRef?.name.endsWith('-query') === true, `${metadata.name} scales what it must not`);
  }
  for (const { spec, metadata } of manifests.filter(({ kind }) => kind === 'StatefulSet')) {
    const kept = Object.values(spec.persistentVolumeClaimRetentionPolicy ?? { unset: 'Delete' });
    check(
      kept.every((policy) => policy === 'Retain'),
      `${metadata.name} deletes its volumes`,
    );
  }
  for (const workload of workloads(manifests)) {
    const pod = workload.spec.template.spec;
    const part = component(workload);
    check(
      pod.securityContext['runAsNonRoot'] === true && Number(pod.securityContext['runAsUser']) > 0,
      `${part} may run as root`,
    );
    check(pod.automountServiceAccountToken === false, `${part} has a token of the cluster`);
    check(pod.terminationGracePeriodSeconds >= 40, `${part} is killed before its drain ends`);
    for (const container of pod.containers) {
      const security = container.securityContext;
      check(security['readOnlyRootFilesystem'] === true, `${part} may write to its root file system`);
      check(security['allowPrivilegeEscalation'] === false, `${part} may gain privileges`);
      check(JSON.stringify(security['capabilities']) === '{"drop":["ALL"]}', `${part} has capabilities`);
      check(container.resources.limits?.['memory'] !== undefined, `${part} has no memory limit`);
      check(
        container.readinessProbe !== undefined && container.livenessProbe !== undefined,
        `${part} has no probes`,
      );
      check(
        container.volumeMounts.some(({ mountPath }) => mountPath === '/var/lib/canardstack'),
        `${part} has no data folder`,
      );
      for (const { name, value } of container.env) {
        check(
          !(secretEnv.includes(name) && value !== undefined),
          `${part} has ${name} in its plain environment`,
        );
      }
    }
    const policy = named(manifests, 'NetworkPolicy', part ?? '')[0];
    check(policy?.spec.policyTypes?.join() === 'Ingress,Egress', `${part} has no network policy`);
  }
  for (const policy of named(manifests, 'NetworkPolicy', 'catalog')) {
    for (const { from, ports } of policy.spec.ingress ?? []) {
      if (!ports?.some(({ port }) => port === 'catalog')) continue;
      const peers = (from ?? [{}]).map(
        ({ podSelector }) => podSelector?.matchLabels?.['app.kubernetes.io/component'] ?? 'anyone',
      );
      check(peers.sort().join() === 'ingest,query', `${peers.join()} may reach the catalog`);
    }
  }
  return found;
}

describe('the Helm chart', { skip: skipWithout(helm, 'helm') }, () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'canardstack-helm-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const [name, values] of Object.entries({ quack, postgres, certManager })) {
    it(`keeps to the rules with ${name}`, async () => {
      assert.deepEqual(problems(parsed(await render(values))), []);
    });

    it(`gives valid settings with ${name}`, async () => {
      let seen = 0;
      for (const workload of workloads(parsed(await render(values)))) {
        for (const container of workload.spec.template.spec.containers) {
          const env = Object.fromEntries(
            container.env.map((each) => [each.name, each.value ?? secretOf(each.name)]),
          );
          assert.equal(
            Object.keys(env).length,
            container.env.length,
            `${component(workload)}: a name comes twice`,
          );
          assert.deepEqual(resolveConfig({ env }).warnings, []);
          seen++;
        }
      }
      assert.equal(seen, name === 'postgres' ? 2 : 3);
    });

    it(
      `fits the schemas of Kubernetes with ${name}`,
      { skip: skipWithout(validate, 'kubernetes-validate') },
      async () => {
        const file = join(folder, `${name}.yaml`);
        const own = parsed(await render(values)).filter(({ kind }) => !foreignKinds.includes(kind));
        assert.ok(own.length >= 10);
        await writeFile(file, own.map((each) => JSON.stringify(each)).join('\n---\n'));
        for (const version of versions) {
          await run(validate ?? '', ['--strict', '--quiet', '-k', version, file]);
        }
      },
    );
  }

  it('passes helm lint', async () => {
    const file = join(folder, 'lint.yaml');
    await writeFile(file, stringify(quack));
    await run(helm ?? 'helm', ['lint', '--strict', '--kube-version', kubernetes, '--values', file, chart]);
  });

  it('has no catalog server with PostgreSQL', async () => {
    const manifests = parsed(await render(postgres));
    assert.deepEqual(
      manifests.filter((each) => component(each) === 'catalog'),
      [],
    );
    const env = workloads(manifests).flatMap((each) => each.spec.template.spec.containers[0]?.env ?? []);
    assert.equal(env.filter(({ name }) => name === 'CANARDSTACK_POSTGRES_DSN').length, 2);
    assert.equal(env.filter(({ name }) => name.startsWith('CANARDSTACK_DUCKLAKE_QUACK')).length, 0);
  });

  it('gives ingest and query a disruption budget, and only query an autoscaler', async () => {
    const manifests = parsed(await render(quack));
    assert.deepEqual(manifests.filter(({ kind }) => kind === 'PodDisruptionBudget').map(component), [
      'ingest',
      'query',
    ]);
    assert.equal(manifests.filter(({ kind }) => kind === 'HorizontalPodAutoscaler').length, 1);
    assert.equal(named(manifests, 'Deployment', 'query')[0]?.spec.replicas, undefined);
    assert.equal(manifests.filter(({ kind }) => kind === 'ServiceMonitor').length, 3);
  });

  it('refuses what is missing, and secrets among the settings', async () => {
    const refused: [unknown, RegExp][] = [
      [{ ...quack, auth: {} }, /auth\.existingSecret is required/],
      [{ ...quack, storage: {} }, /storage\.dataPath is required/],
      [{ ...quack, catalog: { tokenSecret: 'token' } }, /catalog\.tls: set existingSecret/],
      [{ ...quack, catalog: { tls: { insecure: true } } }, /catalog\.tokenSecret is required/],
      [{ ...postgres, catalog: { kind: 'postgres' } }, /catalog\.postgresSecret is required/],
      [{ ...quack, catalog: { ...quack.catalog, replicas: 2 } }, /replicas/],
      [{ ...quack, settings: { CANARDSTACK_API_KEY: 'x' } }, /invalid propertyName 'CANARDSTACK_API_KEY'/],
    ];
    for (const [values, message] of refused) await assert.rejects(render(values), message);
    // The schema lists the secrets by name: one that is new must be added there.
    const schema = JSON.parse(text(`${chart}/values.schema.json`)) as {
      properties: { settings: { propertyNames: { not: { enum: string[] } } } };
    };
    assert.deepEqual(schema.properties.settings.propertyNames.not.enum, [...secretSettings].sort());
  });

  describe('would be found out', () => {
    let manifests: Manifest[];
    before(async () => {
      manifests = parsed(await render(quack));
    });
    const catalogOf = (all: Manifest[]) => named(all, 'StatefulSet', 'catalog')[0]!;
    for (const [problem, change] of Object.entries<(all: Manifest[]) => void>({
      'exactly one': (all) => (catalogOf(all).spec.replicas = 2),
      'beside its predecessor': (all) => (catalogOf(all).spec.podManagementPolicy = 'Parallel'),
      'two pods may mount': (all) => {
        catalogOf(all).spec.volumeClaimTemplates![0]!.spec.accessModes = ['ReadWriteMany'];
      },
      'no persistent volume': (all) => (catalogOf(all).spec.volumeClaimTemplates = []),
      'deletes its volumes': (all) => {
        catalogOf(all).spec.persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Delete' };
      },
      'anyone may reach the catalog': (all) => {
        named(all, 'NetworkPolicy', 'catalog')[0]!.spec.ingress![0]!.from = [{ podSelector: {} }];
      },
      'plain environment': (all) => {
        (catalogOf(all).spec.template.spec.containers[0]!.env as EnvVar[]).push({
          name: 'CANARDSTACK_DUCKLAKE_QUACK_TOKEN',
          value: 'in the clear',
        });
      },
      'may run as root': (all) => {
        catalogOf(all).spec.template.spec.securityContext['runAsUser'] = 0;
      },
      'no network policy': (all) => {
        all.splice(all.indexOf(named(all, 'NetworkPolicy', 'query')[0]!), 1);
      },
    })) {
      it(problem, () => {
        const changed = structuredClone(manifests);
        change(changed);
        assert.match(problems(changed).join('\n'), new RegExp(problem));
      });
    }
  });
});
