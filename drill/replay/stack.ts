import { randomBytes } from 'node:crypto';
import {
  at,
  environment,
  refName,
  services,
  statements,
  type Fields,
  type Service,
  type Stack,
} from '../../test/deploy/aws-parts.js';
import { ofType, readTemplate, show, stackOf } from '../../test/deploy/aws-template.js';
import type { TimesToLive } from './names.js';

/** What ECS knows of a service, as the template says it. */
export interface ServicePlan {
  readonly name: 'catalog' | 'app' | 'query';
  /** The name that Cloud Map gives to its tasks. */
  readonly hostName: string;
  readonly desired: number;
  readonly maximumPercent: number;
  readonly minimumHealthyPercent: number;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Names in `env` that come from Secrets Manager. */
  readonly secrets: readonly string[];
  readonly stopTimeoutSecs: number;
  readonly healthCommand: readonly string[];
  /** What its role may do in the bucket. */
  readonly s3Actions: readonly string[];
}

export interface StackPlan {
  readonly vpcCidr: string;
  readonly region: string;
  readonly ttl: TimesToLive;
  readonly services: Readonly<Record<ServicePlan['name'], ServicePlan>>;
  readonly apiKey: string;
  readonly adminKey: string;
}

/** The template with separate nodes, two of which ingest, on EFS, with this bucket. */
export function planStack(bucket: string): StackPlan {
  const stack = stackOf(readTemplate(), {
    Image: 'canardstack',
    Nodes: 'separate',
    AppDesiredCount: '2',
    ExistingBucketName: bucket,
  });
  const made = new Map(
    ofType(stack, 'AWS::SecretsManager::Secret').map(([name]) => [
      name,
      randomBytes(24).toString('base64url'),
    ]),
  );
  const region = show(environmentOf(services(stack)[0])['CANARDSTACK_S3_REGION']);
  const plans = services(stack).map((service) => planService(stack, service, made));
  const plan = (name: ServicePlan['name']) => {
    const found = plans.find((each) => each.name === name);
    if (found === undefined) throw new Error(`the template has no service ${name}`);
    return found;
  };
  const discovery = at(stack.resources['CatalogDiscovery']?.Properties, 'DnsConfig.DnsRecords.0.TTL');
  const negative = at(stack.resources['Namespace']?.Properties, 'Properties.DnsProperties.SOA.TTL');
  return {
    vpcCidr: show(stack.parameters['VpcCidr']),
    region,
    // Unless it is set, nobody promises how long a name without address is kept.
    ttl: { record: Number(discovery), negative: Number(negative ?? 60) },
    services: { catalog: plan('catalog'), app: plan('app'), query: plan('query') },
    apiKey: plan('app').env['CANARDSTACK_API_KEY'] ?? '',
    adminKey: plan('app').env['CANARDSTACK_ADMIN_API_KEY'] ?? '',
  };
}

function environmentOf(service: Service | undefined): Record<string, string> {
  if (service === undefined) throw new Error('the template has no service');
  const entries = Object.entries(environment(service.container));
  for (const [name, value] of entries) {
    if (typeof value === 'object' || String(value).includes('${'))
      throw new Error(`${name} is ${show(value)}, which only AWS can work out`);
  }
  return Object.fromEntries(entries.map(([name, value]) => [name, show(value)]));
}

function planService(stack: Stack, service: Service, made: ReadonlyMap<string, string>): ServicePlan {
  const { container, properties, task } = service;
  const [registry] = properties['ServiceRegistries'] as Fields[];
  const discovery = stack.resources[refName(registry?.['RegistryArn']) ?? '']?.Properties['Name'];
  const namespace = stack.resources['Namespace']?.Properties['Name'];
  const secrets = ((container['Secrets'] ?? []) as Fields[]).map((entry) => {
    const secret = made.get(refName(entry['ValueFrom']) ?? '');
    if (secret === undefined) throw new Error(`${show(entry['Name'])} comes from no secret of the template`);
    return [show(entry['Name']), secret] as const;
  });
  const percent = (name: string) => Number(at(properties, `DeploymentConfiguration.${name}`));
  const [, ...health] = at(container, 'HealthCheck.Command') as string[];
  return {
    name: show(discovery) as ServicePlan['name'],
    hostName: `${show(discovery)}.${show(namespace)}`,
    desired: Number(properties['DesiredCount']),
    maximumPercent: percent('MaximumPercent'),
    minimumHealthyPercent: percent('MinimumHealthyPercent'),
    command: (container['Command'] as string[]).map(show),
    env: { ...environmentOf(service), ...Object.fromEntries(secrets) },
    secrets: secrets.map(([name]) => name),
    stopTimeoutSecs: Number(container['StopTimeout']),
    healthCommand: health,
    s3Actions: statements(stack, refName(task['TaskRoleArn']) ?? '')
      .flatMap(({ actions }) => actions)
      .filter((action) => action.startsWith('s3:')),
  };
}
