import { readFileSync } from 'node:fs';
import { isMap, isPair, isScalar, isSeq, parseDocument, type Node } from 'yaml';

/** A value of a template; functions in their long form, as in JSON templates: `{ "Fn::If": [...] }`. */
export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };
export type Fields = Record<string, Value>;

export interface Resource {
  readonly Type: string;
  readonly Properties: Fields;
  readonly [key: string]: unknown;
}

/** The resources of a stack: parameters and conditions are worked out, references to resources are left. */
export interface Stack {
  readonly parameters: Readonly<Record<string, Value>>;
  readonly resources: Readonly<Record<string, Resource>>;
  readonly outputs: Readonly<Record<string, Fields>>;
}

export const templateFile = new URL('../../../deploy/aws/template.yaml', import.meta.url);

/** The template as it is, with every short form (`!Ref x`) made long. */
export function readTemplate(file: URL = templateFile): Fields {
  const document = parseDocument(readFileSync(file, 'utf8'), { logLevel: 'error' });
  if (document.errors.length > 0) throw document.errors[0] as Error;
  return plain(document.contents) as Fields;
}

function plain(node: Node | null): Value {
  const value = untagged(node);
  const tag = node?.tag;
  if (tag === undefined || !tag.startsWith('!')) return value;
  const name = tag.slice(1);
  if (name === 'Ref' || name === 'Condition') return { [name]: value };
  if (name === 'GetAtt' && typeof value === 'string') return { 'Fn::GetAtt': value.split('.') };
  return { [`Fn::${name}`]: value };
}

function untagged(node: Node | null): Value {
  if (node === null) return null;
  if (isScalar(node)) return node.value as Value;
  if (isSeq(node)) return node.items.map((item) => plain(item as Node));
  if (!isMap(node)) throw new Error('an alias, which CloudFormation does not take');
  return Object.fromEntries(
    node.items.filter(isPair).map((pair) => [show(plain(pair.key as Node)), plain(pair.value as Node)]),
  );
}

const pseudo: Record<string, Value> = {
  'AWS::StackName': 'telemetry',
  'AWS::Region': 'eu-central-1',
  'AWS::AccountId': '123456789012',
  'AWS::Partition': 'aws',
};
const nothing = Symbol('AWS::NoValue');

/** A value as text. */
export function show(value: unknown): string {
  return typeof value === 'string' ? value : String(JSON.stringify(value));
}

/** What CloudFormation would make of the template with these parameters. Throws when a value is not allowed. */
export function stackOf(template: Fields, given: Readonly<Record<string, string>>): Stack {
  const parameters = parametersOf(template, given);
  const conditions = template['Conditions'] as Fields;
  const holds = (name: string): boolean => truth(conditions[name] as Value);

  function truth(value: Value): boolean {
    const [[name, operand]] = Object.entries(value as Fields) as [[string, Value]];
    if (name === 'Condition') return holds(operand as string);
    const operands = operand as Value[];
    if (name === 'Fn::Not') return !truth(operands[0] as Value);
    if (name === 'Fn::And') return operands.every(truth);
    if (name === 'Fn::Or') return operands.some(truth);
    if (name !== 'Fn::Equals') throw new Error(`${name} in a condition`);
    const [left, right] = operands.map((one) => show(resolved(one)));
    return left === right;
  }

  function resolved(value: Value): Value | typeof nothing {
    if (Array.isArray(value)) return value.map(resolved).filter((one): one is Value => one !== nothing);
    if (typeof value !== 'object' || value === null) return value;
    if ('Ref' in value) return reference(value['Ref'] as string) ?? value;
    if ('Fn::If' in value) {
      const [name, yes, no] = value['Fn::If'] as [string, Value, Value];
      return resolved(holds(name) ? yes : no);
    }
    if ('Fn::Sub' in value) return substituted(value['Fn::Sub']);
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, one]) => [key, resolved(one)] as const)
        .filter((entry): entry is readonly [string, Value] => entry[1] !== nothing),
    );
  }

  function reference(name: string): Value | typeof nothing | undefined {
    return name === 'AWS::NoValue' ? nothing : (parameters[name] ?? pseudo[name]);
  }

  /** References to resources stay as `${Name}`. */
  function substituted(value: Value): string {
    const [text, names] = (Array.isArray(value) ? value : [value, {}]) as [string, Fields];
    return text.replace(/\$\{([\w:.]+)\}/g, (whole, name: string) => {
      const found = name in names ? resolved(names[name] as Value) : reference(name);
      if (found === undefined || found === nothing) return whole;
      if (typeof found === 'object') return `\${${show((found as Fields)['Ref'])}}`;
      return String(found);
    });
  }

  const kept = (section: string) =>
    Object.entries((template[section] ?? {}) as Record<string, Fields>)
      .filter(([, one]) => one['Condition'] === undefined || holds(one['Condition'] as string))
      .map(([name, one]) => [name, { Properties: {}, ...(resolved(one) as Fields) }] as const);
  return {
    parameters,
    resources: Object.fromEntries(kept('Resources')) as unknown as Record<string, Resource>,
    outputs: Object.fromEntries(kept('Outputs')),
  };
}

function parametersOf(template: Fields, given: Readonly<Record<string, string>>): Record<string, Value> {
  const declared = template['Parameters'] as Record<string, Fields>;
  for (const name of Object.keys(given)) if (!(name in declared)) throw new Error(`no parameter ${name}`);
  return Object.fromEntries(
    Object.entries(declared).map(([name, about]) => {
      const value = given[name] ?? about['Default'];
      if (value === undefined) throw new Error(`${name} has no value`);
      const allowed = about['AllowedValues'] as Value[] | undefined;
      const pattern = about['AllowedPattern'] as string | undefined;
      if (
        (allowed && !allowed.map(show).includes(show(value))) ||
        (pattern !== undefined && !new RegExp(pattern).test(show(value)))
      ) {
        throw new Error(`${name} may not be ${show(value)}`);
      }
      return [name, value];
    }),
  );
}

/** Names of resources that are referred to anywhere in `value`. */
export function references(value: unknown): string[] {
  if (typeof value === 'string') {
    return [...value.matchAll(/\$\{(\w+)[^}]*\}/g)].map((match) => match[1] as string);
  }
  if (Array.isArray(value)) return value.flatMap(references);
  if (typeof value !== 'object' || value === null) return [];
  const fields = value as Record<string, unknown>;
  if (typeof fields['Ref'] === 'string') return [fields['Ref']];
  if (Array.isArray(fields['Fn::GetAtt'])) return [String(fields['Fn::GetAtt'][0])];
  return Object.entries(fields).flatMap(([key, one]) => {
    if (key === 'DependsOn') return [one].flat().map(String);
    return references(one);
  });
}

/** The resources of a type, by name. */
export function ofType(stack: Stack, type: string): [string, Resource][] {
  return Object.entries(stack.resources).filter(([, resource]) => resource.Type === type);
}
