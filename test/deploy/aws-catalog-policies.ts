import {
  add,
  addResource,
  at,
  catalogServices,
  environment,
  ingress,
  must,
  onEfs,
  properties,
  refName,
  services,
  set,
  statements,
  tasks,
  type Policy,
  type Stack,
} from './aws-parts.js';
import { ofType, references } from './aws-template.js';

const container = `${properties('CatalogTask')}.ContainerDefinitions.0`;

function volume(stack: Stack) {
  const [task] = tasks(stack).filter(({ catalog }) => catalog);
  const volumes = (task?.task['Volumes'] ?? []) as Record<string, unknown>[];
  return { task, volumes, efs: at(volumes[0], 'EFSVolumeConfiguration') };
}

const policies: readonly Policy[] = [
  {
    sentence: 'the catalog is one task whose predecessor has stopped before it starts, and never more',
    check(stack) {
      const found = catalogServices(stack);
      return [
        ...must(
          found.length === (stack.parameters['Services'] === 'hold' ? 0 : 1),
          `${found.length} catalog services`,
        ),
        ...found.flatMap(({ properties: service }) => [
          ...must(service['DesiredCount'] === 1, 'DesiredCount is not 1'),
          ...must(at(service, 'DeploymentConfiguration.MaximumPercent') === 100, 'MaximumPercent is not 100'),
          ...must(at(service, 'DeploymentConfiguration.MinimumHealthyPercent') === 0, 'the old one stays'),
          ...must(service['AvailabilityZoneRebalancing'] === 'DISABLED', 'rebalancing starts a second one'),
        ]),
      ];
    },
    breaks: {
      'two tasks': set(`${properties('CatalogService')}.DesiredCount`, 2),
      'a count by parameter': set(`${properties('CatalogService')}.DesiredCount`, { Ref: 'AppMaxCount' }),
      'MaximumPercent raised': set(
        `${properties('CatalogService')}.DeploymentConfiguration.MaximumPercent`,
        200,
      ),
      'MinimumHealthyPercent raised': set(
        `${properties('CatalogService')}.DeploymentConfiguration.MinimumHealthyPercent`,
        100,
      ),
      'rebalancing as AWS chooses': set(`${properties('CatalogService')}.AvailabilityZoneRebalancing`),
    },
  },
  {
    sentence: 'the catalog service does not scale',
    check: (stack) =>
      ofType(stack, 'AWS::ApplicationAutoScaling::ScalableTarget')
        .filter(([, target]) => references(target).includes('CatalogService'))
        .map(([name]) => `${name} scales the catalog`),
    breaks: {
      'a scalable target': addResource('CatalogScaling', {
        Type: 'AWS::ApplicationAutoScaling::ScalableTarget',
        Condition: 'RunCatalog',
        Properties: {
          ResourceId: { 'Fn::Sub': 'service/${Cluster}/${CatalogService.Name}' },
          MaxCapacity: 2,
        },
      }),
    },
  },
  {
    sentence: 'the catalog has time for a clean checkpoint, and a bad deployment is rolled back',
    check: (stack) =>
      catalogServices(stack).flatMap(({ properties: service, container: one }) => {
        const ownMs = Number(environment(one)['CANARDSTACK_SHUTDOWN_TIMEOUT_MS']);
        const stopMs = Number(one['StopTimeout']) * 1000;
        const breaker = at(service, 'DeploymentConfiguration.DeploymentCircuitBreaker');
        return [
          ...must(
            stopMs >= 60_000 && stopMs <= 120_000,
            'StopTimeout is not between 60 s and Fargate’s 120 s',
          ),
          ...must(ownMs >= 60_000 && ownMs < stopMs, 'the process would be killed before its own bound'),
          ...must(at(breaker, 'Enable') === true && at(breaker, 'Rollback') === true, 'no circuit breaker'),
        ];
      }),
    breaks: {
      'a short stop': set(`${container}.StopTimeout`, 30),
      'the default stop': set(`${container}.StopTimeout`),
      'more than Fargate gives': set(`${container}.StopTimeout`, 300),
      'no rollback': set(
        `${properties('CatalogService')}.DeploymentConfiguration.DeploymentCircuitBreaker.Rollback`,
        false,
      ),
      'no breaker': set(`${properties('CatalogService')}.DeploymentConfiguration.DeploymentCircuitBreaker`),
    },
  },
  {
    sentence: 'the catalog volume is EFS and no managed EBS, which is deleted with its task',
    check(stack) {
      const { volumes, efs } = volume(stack);
      return [
        ...must(volumes.length === 1 && efs !== undefined, 'the volume is not EFS alone'),
        ...must(refName(at(efs, 'FilesystemId') as never) === 'CatalogFileSystem', 'another file system'),
        ...catalogServices(stack).flatMap(({ properties: service }) =>
          must(!('VolumeConfigurations' in service), 'the service manages a volume'),
        ),
      ];
    },
    breaks: {
      'managed EBS': (template) => {
        set(`${properties('CatalogTask')}.Volumes`, [{ Name: 'catalog', ConfiguredAtLaunch: true }])(
          template,
        );
        set(`${properties('CatalogService')}.VolumeConfigurations`, [{ Name: 'catalog' }])(template);
      },
      'managed EBS beside EFS': set(`${properties('CatalogService')}.VolumeConfigurations`, [
        { Name: 'other' },
      ]),
      'scratch of the task': set(`${properties('CatalogTask')}.Volumes.0.EFSVolumeConfiguration`),
    },
  },
  {
    sentence: 'the file system is encrypted, backed up and kept when the stack goes',
    check: (stack) =>
      must(ofType(stack, 'AWS::EFS::FileSystem').length === 1, 'not one file system').concat(
        ofType(stack, 'AWS::EFS::FileSystem').flatMap(([, system]) => [
          ...must(system.Properties['Encrypted'] === true, 'not encrypted'),
          ...must(at(system.Properties, 'BackupPolicy.Status') === 'ENABLED', 'no automatic backups'),
          ...must(system['DeletionPolicy'] === 'Retain', 'deleted with the stack'),
          ...must(system['UpdateReplacePolicy'] === 'Retain', 'deleted when replaced'),
        ]),
      ),
    breaks: {
      'not encrypted': set(`${properties('CatalogFileSystem')}.Encrypted`, false),
      'no backups': set(`${properties('CatalogFileSystem')}.BackupPolicy.Status`, 'DISABLED'),
      deleted: set('Resources.CatalogFileSystem.DeletionPolicy', 'Delete'),
      'no word on deletion': set('Resources.CatalogFileSystem.DeletionPolicy'),
      'deleted when replaced': set('Resources.CatalogFileSystem.UpdateReplacePolicy'),
    },
  },
  {
    sentence: 'an access point has a fixed uid, gid and path, those of the container’s user',
    check: (stack) =>
      ofType(stack, 'AWS::EFS::AccessPoint').flatMap(([, { Properties: point }]) => {
        const uid = at(point, 'PosixUser.Uid');
        const gid = at(point, 'PosixUser.Gid');
        return [
          ...must(at(point, 'RootDirectory.Path') === '/canardstack', 'the path is not fixed'),
          ...must(at(point, 'RootDirectory.CreationInfo.OwnerUid') === uid, 'owned by another user'),
          ...must(at(point, 'RootDirectory.CreationInfo.OwnerGid') === gid, 'owned by another group'),
          ...must(Number(uid) > 0 && Number(gid) > 0, 'the user is root'),
          ...must(
            volume(stack).task?.container['User'] === `${String(uid)}:${String(gid)}`,
            'not the container’s',
          ),
        ];
      }),
    breaks: {
      root: set(`${properties('CatalogAccessPoint')}.PosixUser.Uid`, '0'),
      'the whole volume': set(`${properties('CatalogAccessPoint')}.RootDirectory.Path`, '/'),
      'another user in the container': set(`${container}.User`, '1000:1000'),
      'another owner': set(`${properties('CatalogAccessPoint')}.RootDirectory.CreationInfo.OwnerUid`, '1000'),
    },
  },
  {
    sentence: 'each availability zone has a mount target, and the task waits for them',
    check(stack) {
      const targets = ofType(stack, 'AWS::EFS::MountTarget');
      const subnets = new Set(targets.map(([, target]) => JSON.stringify(target.Properties['SubnetId'])));
      const waits = catalogServices(stack).flatMap(({ name }) => stack.resources[name]?.['DependsOn'] ?? []);
      const used = catalogServices(stack).flatMap(
        ({ properties: service }) =>
          at(service, 'NetworkConfiguration.AwsvpcConfiguration.Subnets') as unknown[],
      );
      return [
        ...must(subnets.size === 2, `mount targets in ${subnets.size} subnets`),
        ...used.flatMap((subnet) =>
          must(subnets.has(JSON.stringify(subnet)), 'a subnet has no mount target'),
        ),
        ...targets.flatMap(([name, target]) => [
          ...must(waits.includes(name) || used.length === 0, `does not wait for ${name}`),
          ...must(
            JSON.stringify(target.Properties['SecurityGroups']) ===
              '[{"Fn::GetAtt":["VolumeSecurityGroup","GroupId"]}]',
            `${name} has other security groups`,
          ),
        ]),
      ];
    },
    breaks: {
      'only one': set('Resources.CatalogMountTargetB'),
      'twice in one zone': set(`${properties('CatalogMountTargetB')}.SubnetId`, {
        'Fn::If': ['CreateVpc', { Ref: 'SubnetA' }, { Ref: 'ExistingSubnetA' }],
      }),
      'the group of the VPC': set(`${properties('CatalogMountTargetA')}.SecurityGroups`, ['sg-12345678']),
      'no waiting': set('Resources.CatalogService.DependsOn', ['CatalogVolumePolicy']),
    },
  },
  {
    sentence: 'NFS (2049) comes in from the security group of the catalog alone',
    check(stack) {
      const rules = ingress(stack, 'VolumeSecurityGroup');
      return [
        ...must(rules.length === 1, `${rules.length} rules instead of one`),
        ...rules.flatMap((rule) => [
          ...must(refName(rule['SourceSecurityGroupId']) === 'CatalogSecurityGroup', 'from elsewhere'),
          ...must(rule['FromPort'] === 2049 && rule['ToPort'] === 2049, 'other ports'),
          ...must(!('CidrIp' in rule) && !('CidrIpv6' in rule), 'from addresses'),
          ...must(rule['IpProtocol'] === 'tcp', 'other protocols'),
        ]),
      ];
    },
    breaks: {
      'the world': add(`${properties('VolumeSecurityGroup')}.SecurityGroupIngress`, {
        IpProtocol: 'tcp',
        FromPort: 2049,
        ToPort: 2049,
        CidrIp: '0.0.0.0/0',
      }),
      'the nodes too': addResource('NfsFromNodes', {
        Type: 'AWS::EC2::SecurityGroupIngress',
        Properties: {
          GroupId: { 'Fn::GetAtt': ['VolumeSecurityGroup', 'GroupId'] },
          IpProtocol: 'tcp',
          FromPort: 2049,
          ToPort: 2049,
          SourceSecurityGroupId: { 'Fn::GetAtt': ['AppSecurityGroup', 'GroupId'] },
        },
      }),
      'the nodes instead': set(
        `${properties('VolumeSecurityGroup')}.SecurityGroupIngress.0.SourceSecurityGroupId`,
        {
          'Fn::GetAtt': ['AppSecurityGroup', 'GroupId'],
        },
      ),
      'all ports': set(`${properties('VolumeSecurityGroup')}.SecurityGroupIngress.0.FromPort`, 0),
    },
  },
  {
    sentence:
      'the volume is mounted over TLS, with IAM, through the access point, by the role of the catalog alone',
    check(stack) {
      const { efs, task } = volume(stack);
      const role = refName(task?.task['TaskRoleArn']) ?? '';
      const mounts = statements(stack, role).filter(({ actions }) =>
        actions.join().includes('elasticfilesystem'),
      );
      const denied = (at(stack.resources, `CatalogFileSystem.Properties.FileSystemPolicy.Statement`) ??
        []) as Record<string, unknown>[];
      const denial = (condition: string) => {
        const found = denied.find((one) => JSON.stringify(one['Condition']) === condition);
        const actions = [found?.['Action']].flat();
        return (
          found?.['Effect'] === 'Deny' &&
          ['Mount', 'Write', 'RootAccess'].every((one) => actions.includes(`elasticfilesystem:Client${one}`))
        );
      };
      return [
        ...must(at(efs, 'TransitEncryption') === 'ENABLED', 'no encryption in transit'),
        ...must(at(efs, 'AuthorizationConfig.IAM') === 'ENABLED', 'no IAM'),
        ...must(
          refName(at(efs, 'AuthorizationConfig.AccessPointId') as never) === 'CatalogAccessPoint',
          'not through the access point',
        ),
        ...must(denial('{"Bool":{"aws:SecureTransport":"false"}}'), 'plain NFS is not denied'),
        ...must(
          denial(`{"ArnNotEquals":{"aws:PrincipalArn":{"Fn::GetAtt":["${role}","Arn"]}}}`),
          'other roles are not denied',
        ),
        ...must(
          denied.every((one) => one['Effect'] === 'Deny'),
          'the file system allows by itself',
        ),
        ...must(mounts.length === 1, 'not one statement on the volume'),
        ...mounts.flatMap(({ actions, resources, condition }) => [
          ...must(
            actions.every((one) => /:Client(Mount|Write)$/.test(one)) && actions.length === 2,
            `the role may ${actions.join()}`,
          ),
          ...must(
            refName(resources[0]) === 'CatalogFileSystem' && resources.length === 1,
            'other file systems',
          ),
          ...must(
            JSON.stringify(condition) ===
              '{"StringEquals":{"elasticfilesystem:AccessPointArn":{"Fn::GetAtt":["CatalogAccessPoint","Arn"]}}}',
            'not bound to the access point',
          ),
        ]),
        ...services(stack)
          .filter(({ catalog }) => !catalog)
          .flatMap(({ name, task: other }) =>
            must(
              statements(stack, refName(other['TaskRoleArn']) ?? '').every(
                ({ actions }) => !actions.join().includes('elasticfilesystem'),
              ),
              `${name} may mount as well`,
            ),
          ),
      ];
    },
    breaks: {
      'no encryption in transit': set(
        `${properties('CatalogTask')}.Volumes.0.EFSVolumeConfiguration.TransitEncryption`,
        'DISABLED',
      ),
      'no IAM': set(
        `${properties('CatalogTask')}.Volumes.0.EFSVolumeConfiguration.AuthorizationConfig.IAM`,
        'DISABLED',
      ),
      'no access point': set(
        `${properties('CatalogTask')}.Volumes.0.EFSVolumeConfiguration.AuthorizationConfig.AccessPointId`,
      ),
      'no policy on the volume': set(`${properties('CatalogFileSystem')}.FileSystemPolicy`),
      'plain NFS allowed': set(
        `${properties('CatalogFileSystem')}.FileSystemPolicy.Statement.0.Effect`,
        'Allow',
      ),
      'any role': set(`${properties('CatalogFileSystem')}.FileSystemPolicy.Statement.1.Condition`),
      'root access': add(
        `${properties('CatalogVolumePolicy')}.PolicyDocument.Statement.0.Action`,
        'elasticfilesystem:ClientRootAccess',
      ),
      'without the access point’s condition': set(
        `${properties('CatalogVolumePolicy')}.PolicyDocument.Statement.0.Condition`,
      ),
      'the nodes’ role too': add(`${properties('CatalogVolumePolicy')}.Roles`, { Ref: 'AppTaskRole' }),
    },
  },
  {
    sentence: 'the volume is mounted where the container expects its data, for writing',
    check(stack) {
      const { task, volumes } = volume(stack);
      const mounts = (task?.container['MountPoints'] ?? []) as Record<string, unknown>[];
      return [
        ...must(mounts.length === 1, 'not one mount'),
        ...mounts.flatMap((mount) => [
          ...must(mount['ContainerPath'] === '/var/lib/canardstack', 'mounted elsewhere'),
          ...must(mount['ReadOnly'] === false, 'read-only'),
          ...must(mount['SourceVolume'] === volumes[0]?.['Name'], 'another volume'),
        ]),
        ...must(
          task !== undefined &&
            environment(task.container)['CANARDSTACK_DATA_DIR'] === '/var/lib/canardstack',
          'the data folder is elsewhere',
        ),
      ];
    },
    breaks: {
      'mounted elsewhere': set(`${container}.MountPoints.0.ContainerPath`, '/data'),
      'another data folder': set(`${container}.Environment.0.Value`, '/tmp'),
      'another volume': set(`${container}.MountPoints.0.SourceVolume`, 'scratch'),
    },
  },
  {
    sentence: 'the catalog’s port is open to the nodes alone, its health to a monitor that was named',
    check(stack) {
      return ingress(stack, 'CatalogSecurityGroup').flatMap((rule) => {
        const source = refName(rule['SourceSecurityGroupId']) ?? rule['SourceSecurityGroupId'];
        if (rule['FromPort'] === 9494 && rule['ToPort'] === 9494 && source === 'AppSecurityGroup') return [];
        const monitor = stack.parameters['MonitoringSecurityGroupId'];
        if (rule['FromPort'] === 8080 && rule['ToPort'] === 8080 && source === monitor && monitor !== '')
          return [];
        return [`open: ${JSON.stringify(rule)}`];
      });
    },
    breaks: {
      'the VPC': add(`${properties('CatalogSecurityGroup')}.SecurityGroupIngress`, {
        IpProtocol: 'tcp',
        FromPort: 9494,
        ToPort: 9494,
        CidrIp: '10.0.0.0/8',
      }),
      'the loopback back end': set(
        `${properties('CatalogSecurityGroup')}.SecurityGroupIngress.0.ToPort`,
        9495,
      ),
    },
  },
];

/** What holds of a stack whose catalog is on EFS. */
export const catalogPolicies: readonly Policy[] = policies.map((policy) => ({
  ...policy,
  check: (stack) => (onEfs(stack) ? policy.check(stack) : []),
}));
