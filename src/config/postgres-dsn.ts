/** The parameters of a libpq connection string, in its order; names are libpq's (`host`, `dbname`, ...). */
export type DsnParameters = ReadonlyMap<string, string>;

/** Not a libpq connection string; `message` holds nothing of it. */
export class DsnError extends Error {}

/**
 * Parses both forms that libpq takes: `key=value ...` with its quoting, and `postgresql://user:pw@host:port,host2/db?k=v`
 * (PostgreSQL 15 documentation, 34.1.1).
 */
export function parseDsn(dsn: string): DsnParameters {
  return /^postgres(ql)?:\/\//.test(dsn) ? parseUri(dsn) : parseKeywords(dsn);
}

/** The `key=value` form. */
export function renderDsn(parameters: DsnParameters): string {
  return [...parameters]
    .map(([key, value]) => {
      const bare = /^[^\s'\\]+$/.test(value);
      return `${key}=${bare ? value : `'${value.replace(/['\\]/g, (found) => `\\${found}`)}'`}`;
    })
    .join(' ');
}

function parseKeywords(dsn: string): DsnParameters {
  const found = new Map<string, string>();
  const entry = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)/gsy;
  for (let end = 0; dsn.slice(end).trim() !== ''; end = entry.lastIndex) {
    const match = entry.exec(dsn);
    if (!match) throw new DsnError('not a libpq connection string: expected key=value, or postgresql://...');
    found.set(match[1] as string, (match[2] ?? match[3] ?? '').replace(/\\(.)/gs, '$1'));
  }
  return found;
}

function parseUri(dsn: string): DsnParameters {
  const match = /^postgres(?:ql)?:\/\/(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(dsn);
  if (!match) throw new DsnError('not a valid postgresql:// connection string');
  const [, credentials, hosts = '', database, query] = match;
  const found = new Map<string, string>();
  const set = (key: string, value: string | undefined) => {
    if (value !== undefined && value !== '') found.set(key, decoded(value));
  };
  const [user, ...password] = (credentials ?? '').split(':');
  const each = hosts.split(',').map((host) => /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(host));
  if (each.includes(null)) throw new DsnError('not a valid postgresql:// connection string');
  set('host', each.map((host) => host?.[1]?.replace(/^\[|\]$/g, '') ?? '').join(','));
  const ports = each.map((host) => host?.[2] ?? '');
  if (ports.some((port) => port !== '')) set('port', ports.join(','));
  set('user', user);
  set('password', password.length > 0 ? password.join(':') : undefined);
  set('dbname', database);
  for (const pair of (query ?? '').split('&')) {
    const at = pair.indexOf('=');
    if (at > 0) set(decoded(pair.slice(0, at)), pair.slice(at + 1));
  }
  return found;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DsnError('not a valid postgresql:// connection string: a % that starts no escape');
  }
}
