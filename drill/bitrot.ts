import { options } from '../bench/options.js';
import { Backends, lakeKinds, skipKind, type LakeKind } from '../test/support/lake-kinds.js';
import { randomNumbers } from '../test/support/random.js';
import { FlippingLake } from './bitrot/flipping-lake.js';

const args = options(
  'npm run drill:bitrot',
  `Flips single random bits in files of a lake in a folder and of one in an object store, of all tables, and looks whether
\`catalog verify --deep\` and the scrub (in slices, the lake opened anew on the way) name just these files. Exit code 1
when one is unseen, or another one named.`,
  {
    seed: { value: Math.floor(Math.random() * 2 ** 31), text: 'of the random numbers, drawn if not given' },
    flips: { value: 200, text: 'bits that are flipped' },
    kinds: { value: 'local-files,local-s3', text: 'kinds of lakes', of: 'KINDS', among: lakeKinds },
  },
);
const kinds = lakeKinds.filter((kind) => args.kinds.split(',').includes(kind));
const random = randomNumbers(args.seed);
const eachKind = Math.ceil(args.flips / kinds.length);
/** As many as are renamed at once. */
const atOnce = 8;

interface Count {
  flips: number;
  byVerify: number;
  byScrub: number;
  wrong: number;
}

async function trial(kind: LakeKind, backends: Backends, counts: Map<string, Count>): Promise<void> {
  const lake = await FlippingLake.make(kind, backends, `rot-${process.pid}-${kind}`);
  try {
    await lake.fill();
    const countOf = (table: string) => {
      const count = counts.get(table) ?? { flips: 0, byVerify: 0, byScrub: 0, wrong: 0 };
      counts.set(table, count);
      return count;
    };
    for (let done = 0; done < eachKind;) {
      const flips = await lake.flip(random, Math.min(atOnce, eachKind - done));
      const flipped = new Set(flips.map(({ key }) => key));
      const verified = (await lake.verify()).damaged;
      const scrubbed = await lake.scrubAll(20_000 + random() * 100_000, done % (3 * atOnce) === 0);
      const seen = {
        verify: new Set(verified.map(({ key }) => key)),
        scrub: new Set(scrubbed.map(({ key }) => key)),
      };
      for (const { key, table, byte, bit } of flips) {
        const count = countOf(table);
        count.flips++;
        if (seen.verify.has(key)) count.byVerify++;
        if (seen.scrub.has(key)) count.byScrub++;
        if (!seen.verify.has(key) || !seen.scrub.has(key))
          console.log(`UNSEEN: bit ${bit} of byte ${byte} of ${key}`);
      }
      for (const { key, table } of [...verified, ...scrubbed]) {
        if (flipped.has(key)) continue;
        countOf(table).wrong++;
        console.log(`WRONGLY NAMED: ${key}`);
      }
      for (const flip of flips) {
        await flip.undo();
        lake.lake.damaged.clear(flip.key, 'whole');
      }
      done += flips.length;
    }
    const clean = await lake.verify();
    if (!clean.ok) console.log(`NOT CLEAN AFTERWARDS: ${JSON.stringify(clean.damaged)}`);
    if (!clean.ok) countOf('(afterwards)').wrong++;
  } finally {
    await lake.remove();
  }
}

console.log(`seed ${args.seed}`);
const backends = new Backends();
let bad = 0;
try {
  console.log('| storage | table | flips | seen by verify --deep | seen by the scrub |');
  console.log('| --- | --- | --- | --- | --- |');
  for (const kind of kinds) {
    const skip = skipKind(kind);
    if (skip !== false) {
      console.log(`skipped ${kind}: ${skip}`);
      bad++;
      continue;
    }
    const counts = new Map<string, Count>();
    await trial(kind, backends, counts);
    for (const [table, { flips, byVerify, byScrub, wrong }] of [...counts].sort()) {
      console.log(`| ${kind} | ${table} | ${flips} | ${byVerify} | ${byScrub} |`);
      bad += flips - byVerify + (flips - byScrub) + wrong;
    }
  }
} finally {
  await backends.stop();
}
console.log(bad === 0 ? 'every flip was seen, and nothing else' : `${bad} WRONG`);
process.exit(bad === 0 ? 0 : 1);
