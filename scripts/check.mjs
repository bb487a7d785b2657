import { modules, run } from './setup.mjs';

export async function check() {
  await modules();
  await run('npm', ['run', '-s', 'check']);
}
