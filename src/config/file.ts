import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { ConfigError } from './errors.js';

/**
 * Reads a YAML or JSON file of settings (JSON is YAML). Throws ConfigError when it can't be read, isn't
 * YAML, or isn't one mapping.
 */
export function readConfigFile(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    throw new ConfigError([`the configuration file ${path} can't be read: ${code}`]);
  }
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    // Only the first line: the rest quotes the file, which may hold secrets.
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new ConfigError([`the configuration file ${path} is not valid YAML or JSON: ${reason}`]);
  }
  if (content === null || content === undefined) return {};
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new ConfigError([`the configuration file ${path} must hold one mapping of settings to values`]);
  }
  return content as Record<string, unknown>;
}
