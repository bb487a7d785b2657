import { ConfigError } from './errors.js';
import { nearest } from './nearest.js';
import { aliases, settingDef, settingNames, type Config, type SettingName } from './settings.js';

export type Source = 'flag' | 'environment' | 'file' | 'default';
export type Sources = Readonly<Record<SettingName, Source>>;

export interface ConfigInputs {
  /** By setting name, as commander gives them. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Content of the configuration file; keys in any of camelCase, kebab-case, snake_case. */
  readonly file?: Readonly<Record<string, unknown>>;
  readonly fileName?: string;
}

export interface ResolvedConfig {
  readonly config: Config;
  readonly sources: Sources;
  readonly warnings: readonly string[];
}

export const envPrefix = 'CANARDSTACK_';

/** Known names that are no settings: the file's own, and the kill drill's. */
const otherNames = ['CONFIG', 'FAULT'];

interface Given {
  readonly source: Source;
  /** Where it was set, for messages. */
  readonly where: string;
  readonly value: unknown;
}

interface Target {
  readonly name: SettingName;
  readonly plainUnit: string;
}

const byEnv = new Map<string, Target>([
  ...settingNames.map((name): [string, Target] => [settingDef(name).env, { name, plainUnit: '' }]),
  ...aliases.map((a): [string, Target] => [a.env, { name: a.setting, plainUnit: a.plainUnit ?? '' }]),
]);

/** `--data-dir` for DATA_DIR. */
export function flagName(name: SettingName): string {
  return settingDef(name).env.toLowerCase().replaceAll('_', '-');
}

function folded(key: string): string {
  return key.replace(/[-_]/g, '').toLowerCase();
}

const byFoldedKey = new Map<string, Target>([
  ...[...byEnv].map(([env, target]): [string, Target] => [folded(env), target]),
  ...settingNames.map((name): [string, Target] => [folded(name), { name, plainUnit: '' }]),
]);

function fromFile(inputs: ConfigInputs, warnings: string[]): Map<SettingName, Given> {
  const given = new Map<SettingName, Given>();
  const file = inputs.fileName ?? 'the configuration file';
  for (const [key, value] of Object.entries(inputs.file ?? {})) {
    const target = byFoldedKey.get(folded(key.replace(/^CANARDSTACK_/i, '')));
    if (target) {
      if (value !== null)
        given.set(target.name, {
          source: 'file',
          where: `${key} in ${file}`,
          value: withUnit(value, target),
        });
      continue;
    }
    warnings.push(`${file}: unknown setting ${key}${hint(nearest(key, settingNames))}`);
  }
  return given;
}

function fromEnvironment(inputs: ConfigInputs, warnings: string[]): Map<SettingName, Given> {
  const given = new Map<SettingName, Given>();
  // Aliases first, so that a setting's own name wins over them.
  const found: [string, Target, string][] = [];
  for (const [key, value] of Object.entries(inputs.env ?? {})) {
    if (!key.startsWith(envPrefix)) continue;
    const short = key.slice(envPrefix.length);
    const target = byEnv.get(short);
    if (target && value) found.push([key, target, value]);
    if (target || otherNames.includes(short)) continue;
    const near = nearest(short, [...byEnv.keys()]);
    warnings.push(`unknown environment variable ${key}${hint(near === null ? null : envPrefix + near)}`);
  }
  const own = ([key, { name }]: [string, Target, string]) => key === envPrefix + settingDef(name).env;
  for (const [key, target, value] of [...found.filter((f) => !own(f)), ...found.filter(own)]) {
    given.set(target.name, { source: 'environment', where: key, value: withUnit(value, target) });
  }
  return given;
}

function hint(near: string | null): string {
  return near === null ? '' : `; did you mean ${near}?`;
}

function withUnit(value: unknown, target: Target): unknown {
  if (target.plainUnit === '') return value;
  return /^\d+(\.\d+)?$/.test(String(value)) ? `${String(value)}${target.plainUnit}` : value;
}

function defaultText(name: SettingName): string {
  const def = settingDef(name);
  if (def.computed) return `default ${def.computed}`;
  return def.default === undefined ? 'default: not set' : `default ${String(def.default)}`;
}

function problem(name: SettingName, given: Given, message: string): string {
  const def = settingDef(name);
  const full = envPrefix + def.env;
  const where = given.where === full ? full : `${full} (${given.where})`;
  const value = def.secret ? 'the value' : shortened(JSON.stringify(given.value));
  return `${where}: ${value} ${message}; allowed: ${def.allowed}; ${defaultText(name)}`;
}

function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** What no single setting can check. */
function contradictions(config: Config): string[] {
  const problems: string[] = [];
  if ((config.tlsCert === undefined) !== (config.tlsKey === undefined)) {
    problems.push('CANARDSTACK_TLS_CERT and CANARDSTACK_TLS_KEY: set both or neither');
  }
  if (config.postgresDsn !== undefined && config.ducklakeAttachUri !== undefined) {
    problems.push('CANARDSTACK_POSTGRES_DSN and CANARDSTACK_DUCKLAKE_ATTACH_URI: set one of them, not both');
  }
  if (config.maxDecodedBodyBytes < config.maxBodyBytes) {
    problems.push(
      `CANARDSTACK_MAX_DECODED_BODY_BYTES: ${config.maxDecodedBodyBytes} is below CANARDSTACK_MAX_BODY_BYTES (${config.maxBodyBytes})`,
    );
  }
  return problems;
}

/**
 * Settings from flags, then environment, then file, then defaults. Throws ConfigError with one problem for
 * each bad setting; unknown names only warn, so that a newer environment does not stop an older server.
 */
export function resolveConfig(inputs: ConfigInputs): ResolvedConfig {
  const warnings: string[] = [];
  const file = fromFile(inputs, warnings);
  const environment = fromEnvironment(inputs, warnings);
  const values: Record<string, unknown> = {};
  const sources: Record<string, Source> = {};
  const problems: string[] = [];
  for (const name of settingNames) {
    const flag = inputs.flags?.[name];
    const given =
      flag === undefined
        ? (environment.get(name) ?? file.get(name))
        : ({ source: 'flag', where: `--${flagName(name)}`, value: flag } satisfies Given);
    sources[name] = given?.source ?? 'default';
    if (!given) {
      values[name] = settingDef(name).default;
      continue;
    }
    const parsed = settingDef(name).schema.safeParse(given.value);
    if (parsed.success) values[name] = parsed.data;
    else problems.push(problem(name, given, parsed.error.issues[0]?.message ?? 'is not valid'));
  }
  const config = values as Config;
  if (problems.length === 0) problems.push(...contradictions(config));
  if (problems.length > 0) throw new ConfigError(problems, warnings);
  return { config, sources: sources as Sources, warnings };
}
