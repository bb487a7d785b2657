import {
  add,
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
  statements,
  tasks,
  type Policy,
  type Value,
} from './aws-parts.js';
import { ofType, show } from './aws-template.js';
import { secretEnv } from './files.js';

const appContainer = `${properties('AppTask')}.ContainerDefinitions.0`;

/** What holds of secrets, data and who may reach them. */
export const accessPolicies: readonly Policy[] = [
  {
    sentence: 'keys, token and DSN come from Secrets Manager and stand in no plain environment',
    check: (stack) =>
      tasks(stack).flatMap(({ name, catalog, container }) => {
        const plain = environment(container);
        const secrets = secretNames(container);
        const wanted = catalog
          ? ['CANARDSTACK_DUCKLAKE_QUACK_TOKEN']
          : [
              'CANARDSTACK_API_KEY',
              'CANARDSTACK_ADMIN_API_KEY',
              onEfs(stack) ? 'CANARDSTACK_DUCKLAKE_QUACK_TOKEN' : 'CANARDSTACK_POSTGRES_DSN',
            ];
        const sources = (container['Secrets'] as Record<string, Value>[]).map((one) => one['ValueFrom']);
        return [
          ...must(
            JSON.stringify(secrets) === JSON.stringify(wanted),
            `${name} has the secrets ${secrets.join()}`,
          ),
          ...Object.keys(plain)
            .filter((one) => secretEnv.includes(one) || /PASSWORD|SECRET|TOKEN|_KEY$/.test(one))
            .map((one) => `${name} has ${one} in its plain environment`),
          ...must(
            !JSON.stringify(plain).includes('resolve:secretsmanager'),
            `${name} resolves a secret into its text`,
          ),
          ...sources.flatMap((source) => {
            const made = refName(source);
            const known = made === undefined ? show(source).startsWith('arn:') : true;
            const right = made === undefined || stack.resources[made]?.Type === 'AWS::SecretsManager::Secret';
            return must(known && right, `${name} takes a secret from ${JSON.stringify(source)}`);
          }),
        ];
      }),
    breaks: {
      'a key in the environment': add(`${appContainer}.Environment`, {
        Name: 'CANARDSTACK_API_KEY',
        Value: '0123456789',
      }),
      'the token in the environment': add(`${properties('CatalogTask')}.ContainerDefinitions.0.Environment`, {
        Name: 'CANARDSTACK_DUCKLAKE_QUACK_TOKEN',
        Value: { 'Fn::Sub': '{{resolve:secretsmanager:${QuackToken}}}' },
      }),
      'another name for it': add(`${appContainer}.Environment`, { Name: 'PGPASSWORD', Value: 'x' }),
      'no admin key': set(`${appContainer}.Secrets.1`, {
        Name: 'CANARDSTACK_API_KEY',
        ValueFrom: { Ref: 'ApiKey' },
      }),
    },
  },
  {
    sentence: 'secrets are made by Secrets Manager, in no parameter, output or template',
    check: (stack) => [
      ...ofType(stack, 'AWS::SecretsManager::Secret').flatMap(([name, secret]) => {
        const { SecretString: text, GenerateSecretString: made } = secret.Properties;
        if (name === 'PostgresDsn') {
          return must(
            /password=\{\{resolve:secretsmanager:[^}]+\}\}\}/.test(show(text)),
            'a password in the DSN',
          );
        }
        return must(
          text === undefined && Number(at(made, 'PasswordLength')) >= 32,
          `${name} is not generated`,
        );
      }),
      ...Object.keys(stack.parameters)
        .filter((name) => /Password|Token|(Api|Secret)Key/.test(name))
        .map((name) => `the parameter ${name}`),
      ...must(!JSON.stringify(stack.outputs).includes('resolve:secretsmanager'), 'an output shows a secret'),
    ],
    breaks: {
      'a fixed key': (template) => {
        set(`${properties('ApiKey')}.GenerateSecretString`)(template);
        set(`${properties('ApiKey')}.SecretString`, 'changeme')(template);
      },
      'a parameter': set('Parameters.ApiKey', { Type: 'String', NoEcho: true, Default: 'x' }),
      'an output': set('Outputs.ApiKeySecret.Value', { 'Fn::Sub': '{{resolve:secretsmanager:${ApiKey}}}' }),
    },
  },
  {
    sentence: 'the bucket is encrypted, closed to the public, and kept; only incomplete uploads ever expire',
    check: (stack) => [
      ...must(
        ofType(stack, 'AWS::S3::Bucket').length === (stack.parameters['ExistingBucketName'] === '' ? 1 : 0),
        'the number of buckets',
      ),
      ...ofType(stack, 'AWS::S3::Bucket').flatMap(([, bucket]) => {
        const rules = (at(bucket.Properties, 'LifecycleConfiguration.Rules') ?? []) as Record<
          string,
          unknown
        >[];
        const block = Object.values((bucket.Properties['PublicAccessBlockConfiguration'] ?? {}) as object);
        return [
          ...must(
            at(
              bucket.Properties,
              'BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault.SSEAlgorithm',
            ) !== undefined,
            'not encrypted',
          ),
          ...must(block.length === 4 && block.every((one) => one === true), 'open to the public'),
          ...must(bucket['DeletionPolicy'] === 'Retain', 'deleted with the stack'),
          ...must(bucket['UpdateReplacePolicy'] === 'Retain', 'deleted when replaced'),
          ...must(
            rules.some(
              (rule) =>
                rule['Status'] === 'Enabled' && at(rule, 'AbortIncompleteMultipartUpload') !== undefined,
            ),
            'incomplete uploads stay',
          ),
          ...rules.flatMap((rule) =>
            must(
              Object.keys(rule).every((key) =>
                ['Id', 'Status', 'Prefix', 'AbortIncompleteMultipartUpload'].includes(key),
              ),
              'a rule that takes Parquet away',
            ),
          ),
        ];
      }),
    ],
    breaks: {
      'not encrypted': set(`${properties('DataBucket')}.BucketEncryption`),
      'public policies': set(
        `${properties('DataBucket')}.PublicAccessBlockConfiguration.BlockPublicPolicy`,
        false,
      ),
      'no block': set(`${properties('DataBucket')}.PublicAccessBlockConfiguration`),
      deleted: set('Resources.DataBucket.DeletionPolicy', 'Delete'),
      'no word on replacement': set('Resources.DataBucket.UpdateReplacePolicy'),
      'uploads stay': set(`${properties('DataBucket')}.LifecycleConfiguration`),
      'old objects expire': set(
        `${properties('DataBucket')}.LifecycleConfiguration.Rules.0.ExpirationInDays`,
        30,
      ),
    },
  },
  {
    sentence: 'a load balancer speaks TLS alone and shows neither admin API nor metrics',
    check(stack) {
      const listeners = ofType(stack, 'AWS::ElasticLoadBalancingV2::Listener');
      if (stack.parameters['CertificateArn'] === '')
        return must(listeners.length === 0, 'a listener without TLS');
      const hidden = ofType(stack, 'AWS::ElasticLoadBalancingV2::ListenerRule').find(
        ([, rule]) => at(rule.Properties, 'Actions.0.Type') === 'fixed-response',
      )?.[1].Properties;
      const paths = at(hidden, 'Conditions.0.PathPatternConfig.Values') ?? [];
      const balancer = ofType(stack, 'AWS::ElasticLoadBalancingV2::LoadBalancer').map(
        ([, one]) => one.Properties,
      );
      return [
        ...must(listeners.length === 2 && balancer.length === 1, 'listeners for HTTP and gRPC'),
        ...listeners.flatMap(([name, { Properties: listener }]) => [
          ...must(listener['Protocol'] === 'HTTPS', `${name} has no TLS`),
          ...must(/TLS13-1-2/.test(show(listener['SslPolicy'])), `${name} takes old TLS`),
          ...must(JSON.stringify(listener['Certificates']).includes('arn:'), `${name} has no certificate`),
        ]),
        ...must(hidden?.['Priority'] === 1, 'another rule comes first'),
        ...must(JSON.stringify(paths) === '["/api/admin/*","/metrics"]', 'the admin API is shown'),
        ...must(
          ingress(stack, 'AppSecurityGroup').every((rule) => !('CidrIp' in rule)),
          'tasks can be reached around the load balancer',
        ),
      ];
    },
    breaks: {
      'plain HTTP': set(`${properties('HttpsListener')}.Protocol`, 'HTTP'),
      'old TLS': set(`${properties('GrpcListener')}.SslPolicy`, 'ELBSecurityPolicy-2016-08'),
      'admin shown': set('Resources.AdminRule'),
      'a way around': set('Resources.AppHttpFromClients.Condition', 'HasAlb'),
    },
  },
  {
    sentence:
      'a task may list the bucket and read, write and delete below the prefix, and nothing else but its volume',
    check(stack) {
      const prefix = `arn:aws:s3:::${bucketName(stack)}`;
      return tasks(stack).flatMap(({ name, task }) => {
        const role = refName(task['TaskRoleArn']) ?? '';
        const found = statements(stack, role).filter(
          ({ actions }) => !actions.join().includes('elasticfilesystem'),
        );
        const list = found.find(({ actions }) => actions.includes('s3:ListBucket'));
        const objects = found.find(({ actions }) => actions.includes('s3:GetObject'));
        const wanted = ['s3:AbortMultipartUpload', 's3:DeleteObject', 's3:GetObject', 's3:PutObject'];
        return [
          ...must(
            found.length === 2 && found.every(({ effect }) => effect === 'Allow'),
            `${name}: more statements`,
          ),
          ...must(
            list?.actions.join() === 's3:ListBucket' && list.resources.map(show).join() === prefix,
            `${name}: ListBucket is not on the bucket alone`,
          ),
          // With a condition the bare prefix could not be listed.
          ...must(list?.condition === undefined, `${name}: ListBucket has a condition`),
          ...must(
            [...(objects?.actions ?? [])].sort().join() === wanted.join() &&
              objects?.resources.map(show).join() === `${prefix}/canardstack/*`,
            `${name}: objects`,
          ),
          ...must(
            stack.resources[role]?.Properties['ManagedPolicyArns'] === undefined,
            `${name}: managed policies`,
          ),
        ];
      });
    },
    breaks: {
      'all of S3': set(`${properties('CatalogTaskRole')}.Policies.0.PolicyDocument.Statement.1.Action`, [
        's3:*',
      ]),
      'all buckets': set(`${properties('AppTaskRole')}.Policies.0.PolicyDocument.Statement.0.Resource`, '*'),
      'the whole bucket': set(`${properties('AppTaskRole')}.Policies.0.PolicyDocument.Statement.1.Resource`, {
        'Fn::Sub': '${DataBucket.Arn}/*',
      }),
      'no ListBucket for the catalog': set(
        `${properties('CatalogTaskRole')}.Policies.0.PolicyDocument.Statement.0`,
        { Effect: 'Allow', Action: 's3:GetBucketLocation', Resource: '*' },
      ),
      'no delete': set(`${properties('CatalogTaskRole')}.Policies.0.PolicyDocument.Statement.1.Action`, [
        's3:GetObject',
        's3:PutObject',
      ]),
      'one more': add(`${properties('AppTaskRole')}.Policies.0.PolicyDocument.Statement`, {
        Effect: 'Allow',
        Action: 'ecs:*',
        Resource: '*',
      }),
      'a managed policy': set(`${properties('CatalogTaskRole')}.ManagedPolicyArns`, [
        'arn:aws:iam::aws:policy/AdministratorAccess',
      ]),
    },
  },
  {
    sentence: 'an execution role reads only the secrets of its tasks, and writes only their logs',
    check: (stack) =>
      tasks(stack).flatMap(({ name, catalog, task }) => {
        const role = refName(task['ExecutionRoleArn']) ?? '';
        const others = catalog ? ['QuackToken'] : ['ApiKey', 'AdminApiKey', 'QuackToken', 'PostgresDsn'];
        const given = stack.parameters['PostgresDsnSecretArn'];
        return [
          ...must(
            stack.resources[role]?.Properties['ManagedPolicyArns'] === undefined,
            `${name}: managed policies`,
          ),
          ...statements(stack, role).flatMap(({ actions, resources }) => {
            const action = actions.join();
            if (action === 'logs:CreateLogStream,logs:PutLogEvents') {
              return must(
                resources.every((one) => /^(Catalog|App|Query)Logs$/.test(refName(one) ?? '')),
                `${name}: other logs`,
              );
            }
            if (action === 'secretsmanager:GetSecretValue') {
              return must(
                resources.every(
                  (one) => others.includes(refName(one) ?? '') || (one === given && given !== ''),
                ),
                `${name}: other secrets`,
              );
            }
            if (action === 'ecr:GetAuthorizationToken') return [];
            return must(
              actions.every((one) =>
                /^ecr:(Batch(CheckLayerAvailability|GetImage)|GetDownloadUrlForLayer)$/.test(one),
              ) && resources.every((one) => one === stack.parameters['ImageRepositoryArn']),
              `${name}: may ${action}`,
            );
          }),
        ];
      }),
    breaks: {
      'all secrets': set(
        `${properties('AppExecutionRole')}.Policies.0.PolicyDocument.Statement.1.Resource`,
        '*',
      ),
      'the keys for the catalog': add(
        `${properties('CatalogExecutionRole')}.Policies.0.PolicyDocument.Statement.1.Resource`,
        { Ref: 'ApiKey' },
      ),
      'all logs': set(
        `${properties('AppExecutionRole')}.Policies.0.PolicyDocument.Statement.0.Resource`,
        '*',
      ),
    },
  },
  {
    sentence: 'roles are for the tasks of this account alone, and nobody may log in to a task',
    check: (stack) => [
      ...ofType(stack, 'AWS::IAM::Role').flatMap(([name, role]) => {
        const trust = at(role.Properties, 'AssumeRolePolicyDocument.Statement') as Record<string, unknown>[];
        const service = String(at(trust[0], 'Principal.Service'));
        if (name === 'SpoolVolumeRole')
          return must(service === 'ecs.amazonaws.com', `${name} trusts ${service}`);
        return must(
          trust.length === 1 &&
            service === 'ecs-tasks.amazonaws.com' &&
            at(trust[0], 'Condition.StringEquals.aws:SourceAccount') === '123456789012',
          `${name} trusts others`,
        );
      }),
      ...services(stack).flatMap(({ name, properties: service }) =>
        must(service['EnableExecuteCommand'] === undefined, `${name} can be entered`),
      ),
    ],
    breaks: {
      'any account': set(`${properties('AppTaskRole')}.AssumeRolePolicyDocument.Statement.0.Condition`),
      'ECS Exec': set(`${properties('AppService')}.EnableExecuteCommand`, true),
    },
  },
  {
    sentence: 'containers run as a user of their own on a read-only root file system',
    check: (stack) =>
      tasks(stack).flatMap(({ name, container }) => [
        ...must(container['User'] === '10001:10001', `${name} runs as ${show(container['User'])}`),
        ...must(container['ReadonlyRootFilesystem'] === true, `${name} may write to its image`),
        ...must(!('Privileged' in container), `${name} is privileged`),
        ...must(
          at(container, 'MountPoints.0.ContainerPath') === '/var/lib/canardstack' &&
            environment(container)['TMPDIR'] === '/var/lib/canardstack',
          `${name} has no place for its files`,
        ),
      ]),
    breaks: {
      root: set(`${appContainer}.User`, '0:0'),
      'a writable image': set(`${appContainer}.ReadonlyRootFilesystem`, false),
    },
  },
];
