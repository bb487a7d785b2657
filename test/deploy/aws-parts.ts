import { ofType, show, type Fields, type Resource, type Stack, type Value } from './aws-template.js';

/** What a stack has to fulfil, and changes of the template that break it. */
export interface Policy {
  readonly sentence: string;
  /** What is wrong; empty when nothing is. */
  check(stack: Stack): string[];
  readonly breaks: Readonly<Record<string, (template: Fields) => void>>;
}

export interface Service {
  readonly name: string;
  readonly properties: Fields;
  readonly task: Fields;
  readonly container: Fields;
  readonly catalog: boolean;
}

/** Where the properties of a resource are, for `at` and `set`. */
export function properties(name: string): string {
  return `Resources.${name}.Properties`;
}

export function refName(value: Value | undefined): string | undefined {
  const fields = value as Fields | undefined;
  if (typeof fields?.['Ref'] === 'string') return fields['Ref'];
  const get = fields?.['Fn::GetAtt'] as string[] | undefined;
  return get?.[0];
}

/** Task definitions, each with the service that runs it, if one does. */
export function tasks(stack: Stack): Service[] {
  return ofType(stack, 'AWS::ECS::TaskDefinition').map(([taskName, task]) => {
    const [name, service] =
      ofType(stack, 'AWS::ECS::Service').find(
        ([, one]) => refName(one.Properties['TaskDefinition']) === taskName,
      ) ?? [];
    const [container] = task.Properties['ContainerDefinitions'] as Fields[];
    if (container === undefined) throw new Error(`${taskName} has no container`);
    const catalog = (container['Command'] as string[])[0] === 'serve-catalog';
    return {
      name: name ?? taskName,
      properties: service?.Properties ?? {},
      task: task.Properties,
      container,
      catalog,
    };
  });
}

/** The services that run. */
export function services(stack: Stack): Service[] {
  return tasks(stack).filter(({ properties }) => 'Cluster' in properties);
}

export function catalogServices(stack: Stack): Service[] {
  return services(stack).filter(({ catalog }) => catalog);
}

export function onEfs(stack: Stack): boolean {
  return stack.parameters['Catalog'] === 'efs';
}

/** Plain environment of a container, by name. References to resources stand as `${Name}`, or as objects. */
export function environment(container: Fields): Record<string, Value> {
  const entries = (container['Environment'] ?? []) as Fields[];
  return Object.fromEntries(entries.map((entry) => [show(entry['Name']), entry['Value'] ?? '']));
}

export function secretNames(container: Fields): string[] {
  return ((container['Secrets'] ?? []) as Fields[]).map((entry) => show(entry['Name']));
}

/** The value at a dotted path; undefined when it is not there. */
export function at(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (one, key) =>
        typeof one === 'object' && one !== null ? (one as Record<string, unknown>)[key] : undefined,
      value,
    );
}

/** A change of a template: sets what is at the path; removes it when no value is given. */
export function set(path: string, value?: Value): (template: Fields) => void {
  return (template) => {
    const keys = path.split('.');
    const last = keys.pop() as string;
    const parent = at(template, keys.join('.')) as Fields | undefined;
    if (typeof parent !== 'object' || parent === null) throw new Error(`the template has no ${path}`);
    if (value !== undefined) parent[last] = value;
    else if (last in parent) delete parent[last];
    else throw new Error(`the template has no ${path}`);
  };
}

export function add(path: string, ...values: Value[]): (template: Fields) => void {
  return (template) => {
    (at(template, path) as Value[]).push(...values);
  };
}

export function addResource(name: string, resource: Fields): (template: Fields) => void {
  return (template) => {
    (template['Resources'] as Fields)[name] = resource;
  };
}

export function must(holds: boolean, otherwise: string): string[] {
  return holds ? [] : [otherwise];
}

/** Inbound rules of a security group, those of its own and those that stand apart. */
export function ingress(stack: Stack, group: string): Fields[] {
  const own = (stack.resources[group]?.Properties['SecurityGroupIngress'] ?? []) as Fields[];
  const apart = ofType(stack, 'AWS::EC2::SecurityGroupIngress')
    .map(([, rule]) => rule.Properties)
    .filter((rule) => refName(rule['GroupId']) === group);
  return [...own, ...apart];
}

export interface Statement {
  readonly effect: string;
  readonly actions: string[];
  readonly resources: Value[];
  readonly condition: unknown;
}

/** What the policies of a role allow: its own, and those that are attached to it. */
export function statements(stack: Stack, role: string): Statement[] {
  const documents = ((stack.resources[role]?.Properties['Policies'] ?? []) as Fields[]).map(
    (policy) => policy['PolicyDocument'],
  );
  for (const [, policy] of ofType(stack, 'AWS::IAM::Policy')) {
    const roles = policy.Properties['Roles'] as Value[];
    if (roles.some((one) => refName(one) === role)) documents.push(policy.Properties['PolicyDocument']);
  }
  return documents.flatMap((document) =>
    ((document as Fields)['Statement'] as Fields[]).map((statement) => ({
      effect: show(statement['Effect']),
      actions: [statement['Action']].flat().map(String),
      resources: [statement['Resource'] ?? null].flat(),
      condition: statement['Condition'],
    })),
  );
}

/** `s3://bucket` as the template's references spell it. */
export function bucketName(stack: Stack): string {
  const given = stack.parameters['ExistingBucketName'];
  return given === '' ? '${DataBucket}' : show(given);
}

export type { Fields, Resource, Stack, Value };
