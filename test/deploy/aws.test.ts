import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { accessPolicies } from './aws-access-policies.js';
import { catalogPolicies } from './aws-catalog-policies.js';
import { at, type Policy } from './aws-parts.js';
import { nodePolicies } from './aws-node-policies.js';
import { readTemplate, stackOf, templateFile, type Fields } from './aws-template.js';

const certificate = 'arn:aws:acm:eu-central-1:123456789012:certificate/0';
const image = { Image: 'registry.example/canardstack:1' };
/** Parameters of the stacks that every policy is held against. */
const cases: Readonly<Record<string, Record<string, string>>> = {
  'by default': {},
  'separate with a load balancer': {
    Nodes: 'separate',
    CertificateArn: certificate,
    CpuArchitecture: 'X86_64',
  },
  'on Aurora': { Catalog: 'postgres', Nodes: 'separate' },
  'on a given database': {
    Catalog: 'postgres',
    CertificateArn: certificate,
    PostgresDsnSecretArn: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:dsn',
  },
  'in a given network and bucket': {
    ExistingVpcId: 'vpc-0123456789abcdef0',
    ExistingSubnetA: 'subnet-0123456789abcdef0',
    ExistingSubnetB: 'subnet-0123456789abcdef1',
    ExistingBucketName: 'given-bucket',
    AssignPublicIp: 'DISABLED',
    MonitoringSecurityGroupId: 'sg-0123456789abcdef0',
    ImageRepositoryArn: 'arn:aws:ecr:eu-central-1:123456789012:repository/canardstack',
    AppEbsSizeGiB: '100',
  },
  'on hold': { Services: 'hold', Nodes: 'separate' },
};
const template = readTemplate();

/** What is wrong with the stacks of all cases. */
function problems(policy: Policy, given: Fields): string[] {
  return Object.entries(cases).flatMap(([name, parameters]) =>
    policy.check(stackOf(given, { ...image, ...parameters })).map((problem) => `${name}: ${problem}`),
  );
}

describe('deploy/aws/template.yaml', () => {
  for (const policy of [...catalogPolicies, ...nodePolicies, ...accessPolicies]) {
    describe(policy.sentence, () => {
      it('holds', () => {
        assert.deepEqual(problems(policy, template), []);
      });
      for (const [name, change] of Object.entries(policy.breaks)) {
        it(`is broken by: ${name}`, () => {
          const changed = structuredClone(template);
          change(changed);
          assert.notDeepEqual(problems(policy, changed), []);
        });
      }
    });
  }

  it('fits into a request, which takes 51,200 bytes', () => {
    assert.ok(readFileSync(templateFile).length <= 51_200);
  });

  it('describes each parameter, and puts it into one group', () => {
    const declared = template['Parameters'] as Record<string, Fields>;
    for (const [name, about] of Object.entries(declared)) assert.ok(about['Description'], name);
    const groups = at(template, 'Metadata.AWS::CloudFormation::Interface.ParameterGroups') as Fields[];
    const grouped = groups.flatMap((group) => group['Parameters'] as string[]);
    assert.deepEqual([...grouped].sort(), Object.keys(declared).sort());
  });

  it('refuses a VPC without subnets and a DSN without Catalog postgres', () => {
    const rules = JSON.stringify(template['Rules']);
    assert.match(rules, /ExistingSubnetA.*ExistingSubnetB/);
    assert.match(rules, /PostgresDsnSecretArn/);
    assert.throws(() => stackOf(template, { ...image, Catalog: 'sqlite' }), /may not be sqlite/);
    assert.throws(() => stackOf(template, {}), /Image has no value/);
  });
});
