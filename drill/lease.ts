import { options } from '../bench/options.js';
import { assertLocksAreLost, mountTwice, whyNoMounts, type TwoHosts } from './fence/mounts.js';
import { pausedCatalogServer } from './fence/paused-server.js';
import { SharedServerCatalog } from './fence/shared-server.js';
import { pausedPastTheLease, SharedCatalog } from './lease/paused.js';
import { killedInTakeover, takeoverSteps } from './lease/takeover.js';

const args = options(
  'npm run drill:lease',
  `The owner of a catalog is paused past its lease, under load and during CHECKPOINT, and another takes the catalog over.
\`--kind local\`: two servers on one file. \`--kind quack\`: two catalog servers, each with a node under load.
\`--kind takeover\`: as local, and a server is killed in the middle of its takeover, one step of it each round.
\`--locks lost\`: each of the two has its own mount of the folder, on which it can't see the other's file locks.
Exit code 1 when the first one changes anything, does not end by itself, or a record is missing or there twice;
0 with the reason when \`--locks lost\` can't be had here.`,
  {
    kind: { value: 'local', text: 'who the owners are', of: 'KIND', among: ['local', 'quack', 'takeover'] },
    rounds: { value: 10, text: 'rounds' },
    lease: { value: 5, text: 'how long a lease lasts, seconds' },
    locks: {
      value: 'kept',
      text: "whether the two see each other's file locks",
      of: 'HOW',
      among: ['kept', 'lost'],
    },
  },
);
const leaseSecs = args.lease;
const lost = args.locks === 'lost';

let hosts: TwoHosts | undefined;
if (lost) {
  const reason = await whyNoMounts();
  if (reason !== null) {
    console.log(`skipped: ${reason}`);
    process.exit(0);
  }
  hosts = await mountTwice();
  console.log(await assertLocksAreLost(hosts));
}

/** One round; all rounds share a catalog, so each starts on the file that the takeover before it made. */
type Round = (name: string, n: number) => Promise<string>;

interface Drill {
  readonly folder: string;
  readonly round: Round;
  remove(): Promise<void>;
}

async function quack(): Promise<Drill> {
  const shared = await SharedServerCatalog.make(leaseSecs, hosts);
  return {
    folder: shared.folder,
    remove: () => shared.remove(),
    round: (name, n) =>
      pausedCatalogServer(shared, name, {
        // The one that stands still shows that no byte changes, the one that goes on writes at the same time.
        frozen: n % 2 === 1,
        maintenance: n % 2 === 0,
        pauseAfterMs: 1000 + Math.random() * 3000,
        ignoreFileLock: !lost,
      }),
  };
}

async function local(): Promise<Drill> {
  const shared = await SharedCatalog.make(leaseSecs, hosts);
  const paused: Round = (name, n) =>
    pausedPastTheLease(shared, name, {
      maintenance: n % 2 === 0,
      pauseAfterMs: 1000 + Math.random() * 3000,
      ignoreFileLock: !lost,
    });
  const takeover: Round = (name, n) =>
    killedInTakeover(shared, name, takeoverSteps[(n - 1) % takeoverSteps.length] ?? 'copied', {
      ignoreFileLock: !lost,
    });
  return {
    folder: shared.folder,
    remove: () => shared.remove(),
    round: args.kind === 'takeover' ? takeover : paused,
  };
}

const drill = await (args.kind === 'quack' ? quack() : local());
let failed = false;
for (let n = 1; n <= args.rounds && !failed; n++) {
  try {
    console.log(await drill.round(`l${n}`, n));
  } catch (error) {
    failed = true;
    console.error(error instanceof Error ? error.message : error);
  }
}
await hosts?.unmount();
if (failed) console.log(`folder: ${drill.folder}`);
else {
  await drill.remove();
  await hosts?.remove();
}
process.exit(failed ? 1 : 0);
