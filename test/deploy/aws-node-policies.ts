import { assertCatalogServable } from '../../src/catalog/server/index.js';
import { catalogFrom } from '../../src/catalog/index.js';
import { resolveConfig } from '../../src/config/index.js';
import { assertBindAllowed } from '../../src/http/index.js';
import {
  add,
  addResource,
  at,
  bucketName,
  environment,
  ingress,
  must,
  onEfs,
  properties,
  refName,
  secretNames,
  services,
  set,
  tasks,
  type Policy,
  type Stack,
  type Value,
} from './aws-parts.js';
import { ofType, references, show } from './aws-template.js';

const appContainer = `${properties('AppTask')}.ContainerDefinitions.0`;
const running = (stack: Stack) => stack.parameters['Services'] === 'start';
const separate = (stack: Stack) => stack.parameters['Nodes'] === 'separate';

/** The settings of a container, with secrets filled in and references to resources as names. */
function configOf(container: Parameters<typeof environment>[0]) {
  const values = Object.entries(environment(container)).map(([name, value]): [string, string] => {
    const text = typeof value === 'object' ? (refName(value) ?? '?') : String(value);
    return [name, text.replace(/\$\{(\w+)[^}]*\}/g, (_, resource: string) => resource.toLowerCase())];
  });
  const secrets = secretNames(container).map((name): [string, string] => [
    name,
    name.endsWith('POSTGRES_DSN') ? 'host=db dbname=canardstack' : 'x'.repeat(48),
  ]);
  return resolveConfig({ env: Object.fromEntries([...values, ...secrets]) });
}

/** What holds of network, services and their settings. */
export const nodePolicies: readonly Policy[] = [
  {
    sentence: 'everything runs on Fargate, on the architecture of the parameter',
    check: (stack) => [
      ...tasks(stack).flatMap(({ name, task }) => [
        ...must(JSON.stringify(task['RequiresCompatibilities']) === '["FARGATE"]', `${name} is not Fargate`),
        ...must(
          at(task, 'RuntimePlatform.CpuArchitecture') === stack.parameters['CpuArchitecture'],
          `${name} has another architecture`,
        ),
      ]),
      ...services(stack).flatMap(({ name, properties: service }) =>
        must(service['LaunchType'] === 'FARGATE', `${name} is not Fargate`),
      ),
    ],
    breaks: {
      'on instances': set(`${properties('AppService')}.LaunchType`, 'EC2'),
      'one architecture': set(`${properties('AppTask')}.RuntimePlatform.CpuArchitecture`, 'X86_64'),
    },
  },
  {
    sentence: 'two subnets in two availability zones, of a new VPC or of the one given',
    check(stack) {
      const given = stack.parameters['ExistingVpcId'] !== '';
      const subnets = ofType(stack, 'AWS::EC2::Subnet').map(([, subnet]) => subnet.Properties);
      const zones = new Set(subnets.map((subnet) => JSON.stringify(subnet['AvailabilityZone'])));
      const used = services(stack).map(({ properties: service }) =>
        JSON.stringify(at(service, 'NetworkConfiguration.AwsvpcConfiguration.Subnets')),
      );
      const expected = given
        ? [stack.parameters['ExistingSubnetA'], stack.parameters['ExistingSubnetB']]
        : [{ Ref: 'SubnetA' }, { Ref: 'SubnetB' }];
      return [
        ...must(subnets.length === (given ? 0 : 2), `${subnets.length} subnets`),
        ...must(zones.size === (given ? 0 : 2), `${zones.size} availability zones`),
        ...must(ofType(stack, 'AWS::EC2::VPC').length === (given ? 0 : 1), 'the VPC'),
        ...must(
          used.every((one) => one === JSON.stringify(expected)),
          'a service is in other subnets',
        ),
      ];
    },
    breaks: {
      'one zone': set(`${properties('SubnetB')}.AvailabilityZone`, {
        'Fn::Select': [0, { 'Fn::GetAZs': '' }],
      }),
      'a service in one subnet': set(
        `${properties('AppService')}.NetworkConfiguration.AwsvpcConfiguration.Subnets`,
        [{ Ref: 'SubnetA' }],
      ),
    },
  },
  {
    sentence: 'ingest and query are one service or two',
    check(stack) {
      if (!running(stack)) return must(services(stack).length === 0, 'services while on hold');
      const roles = services(stack)
        .filter(({ catalog }) => !catalog)
        .map(({ container }) => environment(container)['CANARDSTACK_ROLE']);
      const expected = separate(stack) ? ['ingest', 'query'] : ['all'];
      return must(JSON.stringify(roles) === JSON.stringify(expected), `roles ${roles.map(show).join()}`);
    },
    breaks: {
      'always both': set(`${appContainer}.Environment.0.Value`, 'all'),
      'no query service': set('Resources.QueryService'),
    },
  },
  {
    sentence: 'Cloud Map names every service, and the nodes find the catalog by its name',
    check(stack) {
      const names = services(stack).map(({ name, catalog, properties: service, container }) => {
        const registry = refName(at(service, 'ServiceRegistries.0.RegistryArn') as Value);
        const found = at(stack.resources[registry ?? '']?.Properties, 'Name');
        const role = environment(container)['CANARDSTACK_ROLE'];
        const expected = catalog ? 'catalog' : role === 'query' ? 'query' : 'app';
        return must(found === expected, `${name} has the name ${String(found)}`);
      });
      const uris = tasks(stack)
        .filter(({ catalog }) => !catalog)
        .map(({ name, container }) =>
          must(
            environment(container)['CANARDSTACK_DUCKLAKE_ATTACH_URI'] ===
              (onEfs(stack) ? 'ducklake:quack:catalog.telemetry.internal:9494' : undefined),
            `${name} looks elsewhere for the catalog`,
          ),
        );
      return [...names, ...uris].flat();
    },
    breaks: {
      'no registry': set(`${properties('AppService')}.ServiceRegistries`),
      'another name': set(`${properties('CatalogDiscovery')}.Name`, 'lake'),
    },
  },
  {
    sentence: 'each task writes to a log group that forgets',
    check: (stack) =>
      tasks(stack).flatMap(({ name, container }) => {
        const group = refName(at(container, 'LogConfiguration.Options.awslogs-group') as Value) ?? '';
        return must(
          stack.resources[group]?.Properties['RetentionInDays'] === stack.parameters['LogRetentionDays'],
          `${name} logs without end`,
        );
      }),
    breaks: { 'no end': set(`${properties('AppLogs')}.RetentionInDays`) },
  },
  {
    sentence: 'a node that ingests has an EBS volume of AppEbsSizeGiB, for the raw spool and no catalog',
    check: (stack) =>
      services(stack).flatMap(({ name, catalog, properties: service, container }) => {
        const volumes = (service['VolumeConfigurations'] ?? []) as Record<string, unknown>[];
        const plain = environment(container);
        if (catalog || plain['CANARDSTACK_ROLE'] === 'query')
          return must(volumes.length === 0, `${name} has EBS`);
        return [
          ...must(volumes.length === 1 && volumes[0]?.['Name'] === 'spool', `${name} has no spool volume`),
          ...must(
            at(volumes[0], 'ManagedEBSVolume.SizeInGiB') === stack.parameters['AppEbsSizeGiB'] &&
              at(volumes[0], 'ManagedEBSVolume.Encrypted') === true,
            `${name}: size or encryption of the volume`,
          ),
          ...must(at(container, 'MountPoints.0.SourceVolume') === 'spool', `${name} does not mount it`),
          ...must(
            at(container, 'RestartPolicy.Enabled') === true,
            `${name}: a crash replaces the task, and its volume`,
          ),
          ...must(
            catalogFrom(configOf(container).config).kind === (onEfs(stack) ? 'quack' : 'postgres'),
            `${name} would keep a catalog on the volume that goes with its task`,
          ),
        ];
      }),
    breaks: {
      'a fixed size': set(
        `${properties('AppService')}.VolumeConfigurations.0.ManagedEBSVolume.SizeInGiB`,
        50,
      ),
      'not encrypted': set(
        `${properties('AppService')}.VolumeConfigurations.0.ManagedEBSVolume.Encrypted`,
        false,
      ),
      'a new task after a crash': set(`${appContainer}.RestartPolicy`),
      'no volume': set(`${properties('AppService')}.VolumeConfigurations`),
      'a local catalog': (template) => {
        const environmentOf = at(template, `${appContainer}.Environment`) as Value[];
        environmentOf.splice(
          environmentOf.findIndex((one) => JSON.stringify(one).includes('ATTACH_URI')),
          1,
        );
        set(`${appContainer}.Secrets.2`, {
          Name: 'CANARDSTACK_DUCKLAKE_QUACK_TOKEN',
          ValueFrom: { Ref: 'QuackToken' },
        })(template);
      },
    },
  },
  {
    sentence:
      'nodes drain before they stop: no new requests, then as long as Fargate gives, with the catalog there',
    check: (stack) => [
      ...services(stack)
        .filter(({ catalog }) => !catalog)
        .flatMap(({ name, properties: service, container }) => {
          const ownMs = Number(environment(container)['CANARDSTACK_SHUTDOWN_TIMEOUT_MS']);
          const stopMs = Number(container['StopTimeout']) * 1000;
          const ingests = environment(container)['CANARDSTACK_ROLE'] !== 'query';
          const deployment = service['DeploymentConfiguration'];
          return [
            ...must(stopMs === 120_000, `${name}: not the longest StopTimeout`),
            ...must(
              ownMs >= (ingests ? 100_000 : 30_000) && ownMs <= stopMs - 5000,
              `${name}: the drain's bound`,
            ),
            ...must(
              at(deployment, 'MinimumHealthyPercent') === 100,
              `${name} stops before its successor serves`,
            ),
            ...must(Number(at(deployment, 'MaximumPercent')) >= 200, `${name}: no room for a successor`),
            ...must(
              at(deployment, 'DeploymentCircuitBreaker.Enable') === true &&
                at(deployment, 'DeploymentCircuitBreaker.Rollback') === true,
              `${name} has no circuit breaker`,
            ),
            ...must(
              !ingests || !onEfs(stack) || references(service).includes('CatalogService'),
              `${name} is replaced while the catalog is`,
            ),
          ];
        }),
      ...ofType(stack, 'AWS::ElasticLoadBalancingV2::TargetGroup').flatMap(([name, group]) => {
        const delay = (group.Properties['TargetGroupAttributes'] as Record<string, unknown>[]).find(
          (one) => one['Key'] === 'deregistration_delay.timeout_seconds',
        )?.['Value'];
        return must(
          Number(delay) > 30 && Number(delay) <= 60,
          `${name}: a deregistration delay of ${String(delay)} s`,
        );
      }),
    ],
    breaks: {
      'killed early': set(`${appContainer}.StopTimeout`, 30),
      'a bound past the kill': set(`${appContainer}.Environment.4.Value`, '130000'),
      'old first': set(`${properties('AppService')}.DeploymentConfiguration.MinimumHealthyPercent`, 0),
      'at the same time as the catalog': set(`${properties('AppService')}.Tags`),
      'no delay': set(`${properties('HttpTargets')}.TargetGroupAttributes.0.Value`, '0'),
      'the default delay': set(`${properties('GrpcTargets')}.TargetGroupAttributes`, []),
    },
  },
  {
    sentence:
      'with PostgreSQL there is no catalog task, and ingest and query scale out; without it they do not',
    check(stack) {
      const targets = ofType(stack, 'AWS::ApplicationAutoScaling::ScalableTarget').map(([name]) => name);
      const expected =
        onEfs(stack) || !running(stack)
          ? []
          : separate(stack)
            ? ['AppScaling', 'QueryScaling']
            : ['AppScaling'];
      const aurora = ofType(stack, 'AWS::RDS::DBCluster').map(([, one]) => one);
      const made = !onEfs(stack) && stack.parameters['PostgresDsnSecretArn'] === '';
      const old = ['AWS::EFS::FileSystem', 'AWS::EFS::MountTarget', 'AWS::EFS::AccessPoint'];
      return [
        ...must(targets.join() === expected.join(), `scaled: ${targets.join()}`),
        ...must(
          onEfs(stack) ||
            (tasks(stack).every(({ catalog }) => !catalog) &&
              old.every((type) => ofType(stack, type).length === 0)),
          'a catalog task beside PostgreSQL',
        ),
        ...must(aurora.length === (made ? 1 : 0), `${aurora.length} database clusters`),
        ...aurora.flatMap((cluster) => [
          ...must(cluster.Properties['StorageEncrypted'] === true, 'not encrypted'),
          ...must(cluster['DeletionPolicy'] === 'Snapshot', 'deleted without a snapshot'),
          ...must(cluster.Properties['DeletionProtection'] === true, 'not protected'),
          ...must(Number(cluster.Properties['BackupRetentionPeriod']) >= 7, 'backups'),
          ...must(
            ingress(stack, 'DatabaseSecurityGroup').every(
              (rule) =>
                refName(rule['SourceSecurityGroupId']) === 'AppSecurityGroup' && rule['FromPort'] === 5432,
            ),
            'open to others',
          ),
          ...must(
            at(stack.resources, 'DatabaseParameters.Properties.Parameters')?.valueOf() !== undefined &&
              JSON.stringify(at(stack.resources, 'DatabaseParameters.Properties.Parameters')) ===
                '{"rds.force_ssl":"1"}' &&
              JSON.stringify(stack.resources['PostgresDsn']).includes('sslmode=require'),
            'plain text to the database',
          ),
        ]),
        ...services(stack)
          .filter(({ catalog }) => !catalog)
          .flatMap(({ name, properties: service }) =>
            must(onEfs(stack) || !('DesiredCount' in service), `${name}: an update would undo the scaling`),
          ),
      ];
    },
    breaks: {
      'a catalog task': set('Resources.CatalogTask.Condition', 'Run'),
      'no scaling': set('Resources.AppScaling'),
      'scaling on EFS': set('Resources.AppScaling.Condition', 'Run'),
      'a public database': set(`${properties('DatabaseSecurityGroup')}.SecurityGroupIngress.0`, {
        IpProtocol: 'tcp',
        FromPort: 5432,
        ToPort: 5432,
        CidrIp: '0.0.0.0/0',
      }),
      'no snapshot': set('Resources.DatabaseCluster.DeletionPolicy', 'Delete'),
      'plain text': set(`${properties('DatabaseParameters')}.Parameters`, { 'rds.force_ssl': '0' }),
      'a fixed count': set(`${properties('AppService')}.DesiredCount`, 1),
    },
  },
  {
    sentence:
      'every environment name is a setting, every value is valid, and the server would start with them',
    check: (stack) =>
      tasks(stack).flatMap(({ name, catalog, container }) => {
        try {
          const { config, warnings } = configOf(container);
          if (catalog) assertCatalogServable(config);
          else assertBindAllowed(config);
          const { dataPath, quack } = catalogFrom(config);
          const bucket = bucketName(stack).replace(/^\$\{(\w+)\}$/, (_, one: string) => one.toLowerCase());
          return [
            ...warnings.map((warning) => `${name}: ${warning}`),
            ...must(dataPath === `s3://${bucket}/canardstack/lake/`, `${name}: Parquet goes to ${dataPath}`),
            ...must(
              catalog || !onEfs(stack) || (quack?.tls === true && quack.port === 9494),
              `${name}: no TLS to the catalog`,
            ),
            ...must(
              config.ducklakeMaintenanceEnabled === (config.role !== 'query'),
              `${name}: maintenance on a query node, or none on others`,
            ),
          ];
        } catch (error) {
          return [`${name}: ${error instanceof Error ? error.message : String(error)}`];
        }
      }),
    breaks: {
      'a misspelt name': add(`${appContainer}.Environment`, {
        Name: 'CANARDSTACK_RETENTION_DAY',
        Value: '1',
      }),
      'a bad value': set(`${appContainer}.Environment.2.Value`, '4318'),
      'plain text': add(`${appContainer}.Environment`, { Name: 'CANARDSTACK_CATALOG_TLS', Value: 'false' }),
      'plain text at the catalog': add(`${properties('CatalogTask')}.ContainerDefinitions.0.Environment`, {
        Name: 'CANARDSTACK_CATALOG_TLS',
        Value: 'false',
      }),
    },
  },
  {
    sentence: 'no reference leads to a resource that this stack does not have',
    check: (stack) =>
      [...Object.entries(stack.resources), ...Object.entries(stack.outputs)].flatMap(([name, one]) =>
        references(one)
          .filter((target) => !(target in stack.resources) && !target.includes('::'))
          .map((target) => `${name} refers to ${target}`),
      ),
    breaks: {
      'a missing target': set('Resources.AppTaskRole'),
      'a target under another condition': set('Resources.HttpTargets.Condition', 'HasNoAlb'),
      'an output': addResource('Nothing', { Type: 'AWS::SNS::Topic', Properties: { A: { Ref: 'Missing' } } }),
    },
  },
];
