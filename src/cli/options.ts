import { Option, type Command } from 'commander';
import {
  flagName,
  readConfigFile,
  resolveConfig,
  settingDef,
  settingGroups,
  settingNames,
  type ResolvedConfig,
  type SettingName,
} from '../config/index.js';

const attribute = (flag: string) => flag.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** The setting that commander's attribute name of a flag stands for. */
const byAttribute = new Map<string, SettingName>(
  settingNames.map((name) => [attribute(flagName(name)), name]),
);

function settingOption(name: SettingName): Option {
  const { default: fallback, computed, help } = settingDef(name);
  const shown = computed ?? fallback;
  const tail = shown === undefined ? '' : ` (default: ${shown})`;
  // A flag that is on or off may stand alone for "on".
  const value = typeof fallback === 'boolean' ? '[true|false]' : '<value>';
  return new Option(`--${flagName(name)} ${value}`, help + tail);
}

/**
 * Adds --config and every setting as a flag, when the command line has the command's name at all: for all of them it would take a
 * tenth of a start. `listed` false keeps the settings out of --help.
 */
export function addSettings(command: Command, listed: boolean, argv: readonly string[]): Command {
  if (!argv.includes(command.name()) && !argv.includes(command.alias())) return command;
  command.addOption(
    new Option('--config <file>', 'YAML or JSON file of settings (also CANARDSTACK_CONFIG)').helpGroup(
      'Configuration:',
    ),
  );
  for (const [group, members] of Object.entries(settingGroups)) {
    for (const name of Object.keys(members) as SettingName[]) {
      command.addOption(settingOption(name).hideHelp(!listed).helpGroup(`${group}:`));
    }
  }
  return command;
}

export type CommandOptions = Readonly<Record<string, unknown>>;

/** Settings of this call: flags, then environment, then file. Warnings go to stderr. Throws ConfigError. */
export function loadConfig(
  options: CommandOptions,
  env: Readonly<Record<string, string | undefined>> = process.env,
): ResolvedConfig {
  const given = options['config'];
  const path = typeof given === 'string' ? given : env['CANARDSTACK_CONFIG'];
  const flags: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    const name = byAttribute.get(key);
    if (name && value !== undefined) flags[name] = value;
  }
  const resolved = resolveConfig({
    flags,
    env,
    ...(path ? { file: readConfigFile(path), fileName: path } : {}),
  });
  for (const warning of resolved.warnings) process.stderr.write(`warning: ${warning}\n`);
  return resolved;
}
