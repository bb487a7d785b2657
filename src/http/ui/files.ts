import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the build of `ui/` lies beside the compiled server. */
export const builtUi = fileURLToPath(new URL('../../../ui/', import.meta.url));

const types: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
  ['.json', 'application/json; charset=utf-8'],
]);

/** In the order of preference, with the ending of the file that holds it. */
const encodings = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

export interface UiFile {
  readonly type: string;
  readonly etag: string;
  /** Its name changes with its content. */
  readonly hashed: boolean;
  /** Paths on disk by content encoding; `identity` is always there. */
  readonly paths: ReadonlyMap<string, string>;
}

/** By path below the folder (`index.html`, `assets/…`). Empty when nothing was built. */
export type UiFiles = ReadonlyMap<string, UiFile>;

const lookMs = 1000;

/**
 * The files of a build, read again when another build took its place: at most one look a second. While a build is under
 * way, and has no page yet, they stay what they were.
 */
export async function currentFiles(
  folder: string,
  now: () => number = Date.now,
): Promise<() => Promise<UiFiles>> {
  let state = await stateOf(folder);
  let files = await uiFiles(folder);
  let looked = now();
  let looking: Promise<void> | null = null;
  const look = async () => {
    const next = await stateOf(folder);
    if (next === state) return;
    const found = await uiFiles(folder).catch(() => new Map<string, UiFile>());
    if (!found.has('index.html')) return;
    [state, files] = [next, found];
  };
  return async () => {
    if (looking === null && Math.abs(now() - looked) >= lookMs) {
      looked = now();
      looking = look().finally(() => (looking = null));
    }
    await looking;
    return files;
  };
}

/** Changes with each build, and with each file that one adds or takes away. */
async function stateOf(folder: string): Promise<string> {
  const times = ['', 'index.html', 'assets'].map(async (name) => {
    const found = await stat(join(folder, name)).catch(() => null);
    return found?.mtimeMs ?? 0;
  });
  return (await Promise.all(times)).join();
}

async function uiFiles(folder: string): Promise<UiFiles> {
  const files = new Map<string, UiFile>();
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  const names = new Set(entries.map((name) => name.replaceAll('\\', '/')));
  for (const name of names) {
    const type = types.get(extname(name));
    if (type === undefined) continue;
    const content = await readFile(join(folder, name));
    const paths = new Map([['identity', join(folder, name)]]);
    for (const [encoding, ending] of encodings) {
      if (names.has(name + ending)) paths.set(encoding, join(folder, name + ending));
    }
    const digest = createHash('sha256').update(content).digest('base64url').slice(0, 22);
    files.set(name, { type, etag: digest, hashed: name.startsWith('assets/'), paths });
  }
  return files;
}

/** The best encoding that both the file and the client have (RFC 9110, section 12.5.3). */
export function chosenEncoding(file: UiFile, accept: string | undefined): string {
  const accepted = new Map<string, number>();
  for (const part of (accept ?? '').toLowerCase().split(',').slice(0, 20)) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
    const quality = parameters.find((text) => text.startsWith('q='));
    accepted.set(name, quality === undefined ? 1 : Number(quality.slice(2)));
  }
  const qualityOf = (encoding: string) => accepted.get(encoding) ?? accepted.get('*') ?? 0;
  return (
    encodings.find(([encoding]) => file.paths.has(encoding) && qualityOf(encoding) > 0)?.[0] ?? 'identity'
  );
}
