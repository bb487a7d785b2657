import { isAbsolute, join, resolve } from 'node:path';
import { ConfigError } from '../config/errors.js';
import type { Config } from '../config/settings.js';
import type { QuackTarget } from './tunnel/index.js';

export type { QuackTarget } from './tunnel/index.js';

type CatalogKind = 'local' | 'quack' | 'postgres';

/** Which DuckLake catalog a node uses and how it is attached. */
export interface Catalog {
  readonly kind: CatalogKind;
  /** The setting that names it. */
  readonly setting: string;
  /** What stands between the quotes of ATTACH: `ducklake:<...>`. May hold a password: never log it. */
  readonly attachUri: string;
  /** The catalog file of a local catalog, absolute; null otherwise. */
  readonly file: string | null;
  /** The catalog server of kind `quack`; null otherwise. Holds the token: never log it. */
  readonly quack: QuackTarget | null;
  /** Where Parquet goes: an absolute folder with a trailing slash, or an object-store prefix. */
  readonly dataPath: string;
  /** True when `dataPath` is a folder of this machine. */
  readonly dataIsLocal: boolean;
  /** DuckDB extensions it needs, in load order. */
  readonly extensions: readonly string[];
  /** For logs and errors: without secrets. */
  describe(): string;
}

export type CatalogConfig = Pick<
  Config,
  'dataDir' | 'ducklakeCatalogPath' | 'ducklakeDataPath' | 'ducklakeAttachUri' | 'postgresDsn'
> &
  Partial<
    Pick<
      Config,
      | 'ducklakeQuackToken'
      | 'ducklakeQuackInsecureTls'
      | 'ducklakeQuackCaFile'
      | 'ducklakeQuackTimeoutMs'
      | 'catalogTls'
    >
  >;

/** The catalog that the settings name: Postgres DSN, then an attach URI, then the local file. */
export function catalogFrom(config: CatalogConfig): Catalog {
  const data = dataPath(config);
  const storage = data.isLocal ? [] : ['httpfs'];
  const common = { dataPath: data.path, dataIsLocal: data.isLocal, quack: null };
  if (config.postgresDsn !== undefined) {
    return {
      ...common,
      kind: 'postgres',
      setting: 'CANARDSTACK_POSTGRES_DSN',
      attachUri: `ducklake:postgres:${config.postgresDsn}`,
      file: null,
      extensions: [...storage, 'postgres_scanner', 'ducklake'],
      describe: () => `PostgreSQL catalog ${withoutSecrets(config.postgresDsn ?? '')}`,
    };
  }
  const uri = config.ducklakeAttachUri;
  if (uri !== undefined) {
    const attachUri = uri.startsWith('ducklake:') ? uri : `ducklake:${uri}`;
    const target = attachUri.slice('ducklake:'.length);
    const quack = target.startsWith('quack:');
    return {
      ...common,
      kind: quack ? 'quack' : 'postgres',
      setting: 'CANARDSTACK_DUCKLAKE_ATTACH_URI',
      attachUri,
      file: null,
      quack: quack ? quackTarget(target, config) : null,
      extensions: [
        ...storage,
        ...(quack ? [...(data.isLocal ? ['httpfs'] : []), 'quack'] : []),
        ...(quack ? [] : ['postgres_scanner']),
        'ducklake',
      ].filter((name, at, all) => all.indexOf(name) === at),
      describe: () => `catalog ${withoutSecrets(target)}`,
    };
  }
  const file = resolve(config.ducklakeCatalogPath ?? join(config.dataDir, 'canardstack.ducklake'));
  return {
    ...common,
    kind: 'local',
    setting: 'CANARDSTACK_DUCKLAKE_CATALOG_PATH',
    attachUri: `ducklake:${file}`,
    file,
    extensions: [...storage, 'ducklake'],
    describe: () => `local catalog ${file}`,
  };
}

const quackPort = 9494;

/** From `quack:host[:port]`, an IPv6 host in brackets. */
function quackTarget(target: string, config: CatalogConfig): QuackTarget {
  const match = /^quack:(?:\/\/)?(?:\[([^\]]+)\]|([^:/\s]+))(?::(\d{1,5}))?\/?$/.exec(target);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || Number(match?.[3] ?? quackPort) > 65_535) {
    throw new ConfigError([
      `CANARDSTACK_DUCKLAKE_ATTACH_URI: "${withoutSecrets(target)}" is not ducklake:quack:host:port`,
    ]);
  }
  return {
    host,
    port: Number(match?.[3] ?? quackPort),
    tls: config.catalogTls ?? true,
    insecureTls: config.ducklakeQuackInsecureTls ?? false,
    caFile: config.ducklakeQuackCaFile,
    timeoutMs: config.ducklakeQuackTimeoutMs ?? 15_000,
    token: config.ducklakeQuackToken,
  };
}

function dataPath(config: CatalogConfig): { path: string; isLocal: boolean } {
  const given = config.ducklakeDataPath ?? join(config.dataDir, 'data');
  const isLocal = isAbsolute(given) || !/^[a-z][a-z0-9+.-]*:\/\//i.test(given);
  const path = isLocal ? resolve(given) : given;
  return { path: path.endsWith('/') ? path : `${path}/`, isLocal };
}

/** Hides passwords and tokens of URIs (`user:secret@`) and key=value DSNs. */
function withoutSecrets(text: string): string {
  return text
    .replace(/\/\/([^/@\s:]*):[^@\s]*@/g, '//$1:***@')
    .replace(/\b(password|passfile|sslpassword|token)\s*=\s*('[^']*'|\S+)/gi, '$1=***');
}
