import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
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

/** The files below `folder` by their path there (`index.html`, `assets/…`). Empty when nothing was built. */
export async function uiFiles(folder: string): Promise<ReadonlyMap<string, UiFile>> {
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
