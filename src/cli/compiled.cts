import fs = require('node:fs');
import Module = require('node:module');
import path = require('node:path');
import v8 = require('node:v8');
import vm = require('node:vm');

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

/** A file of the program, with what V8 made of it before if `folder` has that; V8 itself checks that it is of this source. */
function compile(folder: string, filename: string): vm.Script {
  return new vm.Script(Module.wrap(fs.readFileSync(filename, 'utf8')), {
    filename,
    cachedData: compiled(path.join(folder, path.basename(filename))),
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
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

function compiled(file: string): Buffer | undefined {
  try {
    return fs.readFileSync(file);
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

export = { compile, compiledFolder, loadCompiled, setFlags, useCompiled };
