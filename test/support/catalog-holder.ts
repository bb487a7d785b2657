/**
 * A process of its own that owns a catalog file and writes into it: `node catalog-holder.js <file> <leaseSecs>
 * [ignore-lock]`. Speaks lines of JSON: `{"epoch":..,"file":..}` once it owns the file, `{"held":..}` when another
 * does, then for each line that it reads on stdin one answer: `insert N` -> `{"inserted":N,"believed":bool}`,
 * `checkpoint`, `release`.
 */
import { createInterface } from 'node:readline';
import { DuckDBInstance } from '@duckdb/node-api';
import { LeaseHeldError, takeCatalog } from '../../src/catalog/lease/index.js';

const [file = '', leaseSecs = '2', ignoreLock = ''] = process.argv.slice(2);
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

try {
  const ownership = await takeCatalog(file, {
    leaseSecs: Number(leaseSecs),
    ignoreFileLock: ignoreLock === 'ignore-lock',
    onWait: (reason) => say({ waiting: reason }),
  });
  ownership.onLost((reason) => {
    say({ lost: reason });
    setTimeout(() => process.exit(3), 300);
  });
  const instance = await DuckDBInstance.create(ownership.file, { threads: '1' });
  const connection = await instance.connect();
  await connection.run('CREATE TABLE IF NOT EXISTS t (i INTEGER)');
  say({ epoch: ownership.epoch, file: ownership.file });
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, value] = line.split(' ');
    if (command === 'insert') {
      await connection.run(`INSERT INTO t VALUES (${Number(value)})`);
      say({ inserted: Number(value), believed: ownership.confirm() });
    } else if (command === 'checkpoint') {
      await connection.run('CHECKPOINT');
      say({ checkpointed: true });
    } else {
      connection.closeSync();
      instance.closeSync();
      await ownership.release();
      say({ released: true });
      process.exit(0);
    }
  }
} catch (error) {
  say(error instanceof LeaseHeldError ? { held: error.message } : { failed: String(error) });
  process.exit(1);
}
