import type { z } from 'zod';
import { catalogServer } from './settings/catalog-server.js';
import type { SettingDef } from './settings/definition.js';
import { ingest } from './settings/ingest.js';
import { maintenance } from './settings/maintenance.js';
import { objectStorage } from './settings/object-storage.js';
import { selfTelemetry } from './settings/own-telemetry.js';
import { queries } from './settings/queries.js';
import { resources } from './settings/resources.js';
import { server } from './settings/server.js';
import { storage } from './settings/storage.js';

export type { SettingDef };

/** The settings by subject, for `config` and docs/configuration.md. */
export const settingGroups = {
  Server: server,
  Storage: storage,
  'Object storage': objectStorage,
  'Catalog server': catalogServer,
  Resources: resources,
  Ingest: ingest,
  Queries: queries,
  Maintenance: maintenance,
  'Own telemetry': selfTelemetry,
} as const;

/** Every setting: its environment name (prefix CANARDSTACK_), what is allowed, its default, its meaning. */
export const settings = {
  ...server,
  ...storage,
  ...objectStorage,
  ...catalogServer,
  ...resources,
  ...ingest,
  ...queries,
  ...maintenance,
  ...selfTelemetry,
} as const;

export type SettingName = keyof typeof settings;
export const settingNames = Object.keys(settings) as SettingName[];

export function settingDef(name: SettingName): SettingDef {
  return settings[name];
}

/** Other names for a setting, accepted for compatibility; `plainUnit`: what a plain number counts. */
export const aliases: readonly {
  readonly env: string;
  readonly setting: SettingName;
  readonly plainUnit?: 's';
}[] = [
  { env: 'QUERY_TIMEOUT', setting: 'queryTimeoutMs', plainUnit: 's' },
  { env: 'QUERY_TIMEOUT_SECS', setting: 'queryTimeoutMs', plainUnit: 's' },
  { env: 'PROCESS_MEMORY_LIMIT_BYTES', setting: 'memoryCapBytes' },
  { env: 'CATALOG_TLS_ENABLED', setting: 'catalogTls' },
];

type Always = {
  [K in SettingName]: undefined extends (typeof settings)[K]['default'] ? never : K;
}[SettingName];

/** The validated configuration. Settings without a default are `undefined` when not set. */
export type Config = {
  readonly [K in SettingName]: K extends Always
    ? z.infer<(typeof settings)[K]['schema']>
    : z.infer<(typeof settings)[K]['schema']> | undefined;
};
