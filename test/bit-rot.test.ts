import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { dayMs, firstDayMs, FlippingLake } from '../drill/bitrot/flipping-lake.js';
import { randomNumbers } from './support/random.js';
import { QueryError } from '../src/lake/query-error.js';
import { tables } from '../src/schema/index.js';
import { Backends, skipKind, type LakeKind } from './support/lake-kinds.js';
import { rowsOf } from './support/open-lake.js';

/** Each catalog and each storage once. */
const kinds: readonly LakeKind[] = ['local-files', 'quack-files', 'postgres-s3'];
const flips = 8;
const seed = Number(process.env['ROT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const backends = new Backends();
let made = 0;

describe(`bit rot, ROT_SEED=${seed}`, () => {
  after(() => backends.stop());

  for (const kind of kinds) {
    describe(`on ${kind}`, { skip: skipKind(kind) }, () => {
      let lake: FlippingLake;

      before(async () => {
        lake = await FlippingLake.make(kind, backends, `rot-${process.pid}-${made++}`);
        await lake.fill();
      });
      after(() => lake.remove());

      it('flips are seen by a deep verification and by the scrub, and nothing else is', async () => {
        const random = randomNumbers(seed);
        const clean = await lake.verify();
        assert.deepEqual([clean.ok, clean.damaged, clean.deep?.withoutChecksum], [true, [], 0]);
        const files = await lake.live();
        const filled = new Set(files.map(({ table }) => table));
        for (const { name } of tables) assert.ok(filled.has(name), `no file of ${name}`);
        assert.ok(filled.has('canardstack_progress') && filled.has('metadata_summary'));
        assert.deepEqual(await lake.scrubAll(Infinity), []);

        const flipped = await lake.flip(random, flips);
        const expected = flipped.map(({ key }) => key).sort();
        const seen = (await lake.verify()).damaged;
        assert.deepEqual(seen.map(({ key }) => key).sort(), expected);
        assert.ok(seen.every(({ problem }) => problem === 'checksum'));
        const found = await lake.scrubAll(20_000, true);
        assert.deepEqual(found.map(({ key }) => key).sort(), expected);

        for (const flip of flipped) await flip.undo();
        assert.deepEqual(await lake.scrubAll(Infinity), []);
        assert.equal((await lake.verify()).ok, true);
      });

      it('a damaged and a missing file fail what needs them, by name, and nothing else', async () => {
        const count = async (where: string) =>
          Number(
            (await rowsOf(lake.lake, `SELECT count(body) AS n FROM lake.logs WHERE ${where}`))[0]?.['n'],
          );
        const second = `timestamp >= make_timestamp(${(firstDayMs + dayMs) * 1000})`;
        const first = `timestamp < make_timestamp(${(firstDayMs + dayMs) * 1000})`;
        const [before, beforeSecond] = [await count('true'), await count(second)];
        const day = new Date(firstDayMs).getUTCDate();
        const ofFirstDay = async () =>
          (await lake.live()).filter(({ table, key }) => table === 'logs' && key.includes(`/day=${day}/`));
        const [rotten, whole] = await ofFirstDay();
        assert.ok(rotten && whole);

        const named = () => lake.log.split(`"file":"${rotten.key}"`).length;
        const namedBefore = named();
        await lake.flipBit(rotten, 0.5, 3);
        assert.deepEqual(
          (await lake.scrubAll(Infinity)).map(({ key }) => key),
          [rotten.key],
        );
        const lost = async (key: string) =>
          assert.rejects(count(first), (error) => {
            assert.ok(error instanceof QueryError, String(error));
            assert.equal(error.kind, 'data_loss', error.message);
            assert.ok(error.message.includes(key) && error.message.includes('forget-file'), error.message);
            return true;
          });
        await lost(rotten.key);
        assert.equal(named() - namedBefore, 1, 'named once in the log');
        assert.equal(await count(second), beforeSecond);

        const dry = await lake.lake.maintenance.forget([rotten.key], true);
        assert.deepEqual(
          dry.files.map(({ table, rows, problem }) => [table, rows, problem]),
          [['logs', rotten.rows, 'checksum']],
        );
        assert.equal(dry.files[0]?.from?.slice(0, 10), new Date(firstDayMs).toISOString().slice(0, 10));
        const mixed = await lake.lake.maintenance.forget([whole.key, rotten.key], false);
        assert.deepEqual(
          mixed.refused.map(({ path }) => path),
          [whole.key],
        );
        await lost(rotten.key);
        const given = await lake.lake.maintenance.forget([lake.storage.url + rotten.key], false);
        assert.deepEqual([given.files.length, given.refused], [1, []]);
        assert.equal(await count('true'), before - rotten.rows);
        assert.equal((await lake.verify()).ok, true);
        await lake.checkpoint('ok');

        // Perhaps compacted since.
        const [target] = await ofFirstDay();
        assert.ok(target);
        const copy = await lake.storage.get(target.key);
        await lake.storage.delete(target.key);
        // Without what it remembers of files that it has read.
        await lake.open();
        await lost(target.key);
        assert.match(await lake.checkpoint('error'), new RegExp(target.key));
        assert.equal(await count(second), beforeSecond);
        const metrics = await lake.telemetry.registry.metrics();
        assert.match(metrics, /^canardstack_lake_damaged_files\{problem="missing"\} 1$/m);
        await lake.storage.put(target.key, copy);
        await lake.checkpoint('ok');
        assert.equal(await count('true'), before - rotten.rows);

        // Retention takes what can't be read by the catalog alone.
        await lake.storage.delete(target.key);
        // A midnight may have passed since.
        const today = Math.floor(Date.now() / dayMs) * dayMs;
        await lake.open({ retentionDays: (today - firstDayMs) / dayMs - 1 });
        const due = await lake.lake.maintenance.retention({ dryRun: true });
        assert.equal(due.status, 'ok', due.error);
        const confirm = due.held?.confirm;
        const run = await lake.lake.maintenance.retention({
          dryRun: false,
          ...(confirm ? { confirm } : {}),
        });
        assert.equal(run.status, 'ok', run.error);
        assert.equal(
          run.tables.find(({ table }) => table === 'logs')?.rows,
          before - rotten.rows - beforeSecond,
        );
        assert.equal(await count('true'), beforeSecond);
        await lake.checkpoint('ok');
      });
    });
  }
});
