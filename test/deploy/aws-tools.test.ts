import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { templateFile } from './aws-template.js';
import { run, skipWithout, text } from './files.js';

/** A program of the tests' Python environment; undefined when it is not there. */
function pythonTool(name: string): string | undefined {
  const path = join(process.env['PYTHON_VENV'] || '.cache/venv', 'bin', name);
  return existsSync(path) ? path : undefined;
}

interface Finding {
  readonly Rule: { readonly Id: string };
  readonly Message: string;
  readonly Location: { readonly Path: readonly (string | number)[] | null };
}

const template = fileURLToPath(templateFile);
const cfnLint = pythonTool('cfn-lint');
/** The emulator comes with the tests' Python environment; its own program tells that it is there. */
const python = pythonTool('moto_server') && pythonTool('python');

/** An empty default means "none given" and is no value of the property, which a condition then leaves out. */
const optional = ['ExistingSubnetA', 'ExistingSubnetB', 'PostgresDsnSecretArn', 'MonitoringSecurityGroupId'];

describe('cfn-lint', { skip: skipWithout(cfnLint, 'cfn-lint') }, () => {
  it('finds nothing, with informational and experimental rules and strict types', async () => {
    // I4010 wants notes for machines at every resource.
    const args = ['--include-checks', 'I', '--ignore-checks', 'I4010', '--include-experimental'];
    args.push('--configure-rule', 'E3012:strict=true', '--non-zero-exit-code', 'none', '--format', 'json');
    args.push('--regions', 'us-east-1', 'eu-central-1', 'ap-southeast-2', '--template', template);
    const { stdout } = await run(cfnLint as string, args);
    const findings = (JSON.parse(stdout) as Finding[]).filter(({ Rule, Message }) => {
      return Rule.Id !== 'W1030' || !optional.some((name) => Message.startsWith(`{'Ref': '${name}'}`));
    });
    assert.deepEqual(
      findings.map(({ Rule, Message, Location }) => `${Rule.Id} ${Message} (${Location.Path?.join('.')})`),
      [],
    );
  });
});

interface Step {
  readonly status: string;
  readonly resources: Readonly<Record<string, string>>;
  readonly facts: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly outputs: Readonly<Record<string, string>>;
}

interface Emulated {
  readonly standIns: readonly string[];
  readonly stacks: Readonly<Record<string, readonly Step[]>>;
}

describe('the stack in an emulator', { skip: skipWithout(python, 'moto') }, () => {
  const separate = { Nodes: 'separate', Image: 'registry.example/canardstack:1' };
  let emulated: Emulated;

  before(async () => {
    const cases = JSON.stringify({
      efs: [separate, { ...separate, Image: 'registry.example/canardstack:2' }],
      postgres: [{ ...separate, Catalog: 'postgres', CertificateArn: 'made by the emulator' }],
    });
    const args = ['-W', 'ignore', 'test/deploy/aws-emulator.py', template, cases];
    const { stdout } = await run(python as string, args, { maxBuffer: 16 * 1024 * 1024 });
    emulated = JSON.parse(stdout) as Emulated;
  });

  it('is created on EFS, and an update replaces tasks but neither volume nor bucket', () => {
    const { stacks } = emulated;
    const [created, updated] = stacks['efs'] as [Step, Step];
    assert.equal(created.status, 'CREATE_COMPLETE');
    assert.equal(updated.status, 'UPDATE_COMPLETE');
    assert.deepEqual(created.facts['CatalogFileSystem'], {
      encrypted: true,
      mountTargets: 2,
      backup: 'ENABLED',
    });
    assert.equal(created.facts['CatalogService']?.['desired'], 1);
    assert.equal(created.outputs['OtlpEndpoint'], 'http://app.efs.internal:4318');
    assert.equal(created.outputs['QueryEndpoint'], 'http://query.efs.internal:4318');
    for (const task of ['CatalogTask', 'AppTask', 'QueryTask']) {
      assert.equal(updated.facts[task]?.['image'], 'registry.example/canardstack:2', task);
      assert.notEqual(updated.resources[task], created.resources[task], task);
    }
    for (const name of ['CatalogFileSystem', 'CatalogMountTargetA', 'DataBucket', 'CatalogService', 'Vpc']) {
      assert.equal(updated.resources[name], created.resources[name], name);
    }
  });

  it('is created on PostgreSQL behind a load balancer, without a catalog task', () => {
    const { stacks, standIns } = emulated;
    const [created] = stacks['postgres'] as [Step];
    assert.equal(created.status, 'CREATE_COMPLETE');
    assert.ok(created.resources['GrpcListener']);
    assert.ok(created.resources['DatabaseCluster']);
    assert.ok(created.outputs['LoadBalancerDns']);
    assert.deepEqual(
      Object.keys(created.resources).filter((name) => name.startsWith('Catalog')),
      [],
    );
    const page = text('docs/deploy/aws.md');
    for (const type of standIns)
      assert.ok(page.includes(`\`${type.replace('AWS::', '')}\``), `${type} in the page`);
  });
});
