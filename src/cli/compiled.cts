import fs = require('node:fs');
import Module = require('node:module');
import path = require('node:path');
import v8 = require('node:v8');
import vm = require('node:vm');
import zlib = require('node:zlib');

type Load = (module: NodeJS.Module, filename: string) => void;
const loaders = (Module as unknown as { _extensions: Record<string, Load> })._extensions;

const program = path.join(__dirname, '..', '..', 'program');

/** The flags with which the program runs: code that V8 has compiled under others it compiles again. */
function setFlags(): void {
  // The heap is small and grows by buffers that die young: by V8's own rule it would be collected twice a second.
  v8.setFlagsFromString('--heap-growing-percent=400');
}

/** Where what V8 made of the program's files lies, for this Node.js, its flags and this CPU. */
function compiledFolder(): string {
  return path.join(program, 'compiled', `${process.arch}-${process.version}-${v8.cachedDataVersionTag()}`);
}

/** A file of the program, with what V8 made of it before if `folder` has that of this source, whole. */
function compile(folder: string, filename: string): vm.Script {
  const source = fs.readFileSync(filename);
  return new vm.Script(Module.wrap(source.toString()), {
    filename,
    cachedData: compiled(path.join(folder, path.basename(filename)), source),
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
}

const checksumBytes = 4;

/** V8 looks at the length of the source alone, and ends the process when it finds what it made damaged. */
function checksum(source: Uint8Array, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(checksumBytes);
  bytes.writeUInt32LE(zlib.crc32(data, zlib.crc32(source)));
  return bytes;
}

/** Keeps what V8 made of a file of the program, in whole or not at all. */
function keepCompiled(folder: string, filename: string, script: vm.Script): void {
  const data = script.createCachedData();
  const target = path.join(folder, path.basename(filename));
  const unfinished = `${target}.${process.pid}`;
  const file = fs.openSync(unfinished, 'w');
  fs.writeFileSync(file, Buffer.concat([data, checksum(fs.readFileSync(filename), data)]));
  fs.fsyncSync(file);
  fs.closeSync(file);
  fs.renameSync(unfinished, target);
}

/** From now on the program's files are loaded like this. */
function loadCompiled(folder: string, loaded?: (filename: string, script: vm.Script) => void): void {
  loaders['.cjs'] = (module, filename) => {
    if (path.dirname(filename) !== program) return loaders['.js']?.(module, filename);
    const script = compile(folder, filename);
    const run = script.runInThisContext() as (...given: unknown[]) => void;
    run.call(module.exports, module.exports, Module.createRequire(filename), module, filename, program);
    loaded?.(filename, script);
  };
}

function compiled(file: string, source: Uint8Array): Buffer | undefined {
  try {
    const bytes = fs.readFileSync(file);
    const end = bytes.length - checksumBytes;
    const data = bytes.subarray(0, end);
    return end > 0 && checksum(source, data).equals(bytes.subarray(end)) ? data : undefined;
  } catch {
    return undefined;
  }
}

/** Before the program's first file is loaded, in each thread. With source maps, which Node.js reads in its own way, nothing changes. */
function useCompiled(): void {
  const folder = compiledFolder();
  if (!sourceMaps() && fs.existsSync(folder)) loadCompiled(folder);
}

function sourceMaps(): boolean {
  return (
    process.execArgv.includes('--enable-source-maps') ||
    /--enable-source-maps/.test(process.env['NODE_OPTIONS'] ?? '')
  );
}

export = { compile, compiledFolder, keepCompiled, loadCompiled, setFlags, useCompiled };
