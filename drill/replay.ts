import { setTimeout as sleep } from 'node:timers/promises';
import { options } from '../bench/options.js';
import { skipWithoutS3 } from '../test/support/s3.js';
import { whyNoMounts } from './fence/mounts.js';
import { Queries, Senders, Targets } from './replay/clients.js';
import { whyNoNetwork } from './replay/network.js';
import { play, rounds } from './replay/rounds.js';
import { seconds } from './replay/service.js';
import { showCounts, Tally } from './replay/tally.js';
import { Topology } from './replay/topology.js';
import { verdictOf } from './replay/verdict.js';

const args = options(
  'npm run drill:replay',
  `The AWS template's stack on this machine: catalog, two ingest nodes and a query node, each with its template's
environment, role and user in namespaces of its own; the catalog's volume on a FUSE mount without shared locks; an S3
server; Cloud Map's names by DNS. Under load every service is replaced as ECS does it, then the catalog is killed and
its host lost. Exit code 1 when an acknowledged record is missing or there twice, a file is unknown or missing, or a
task does not end well; 0 with the reason when this machine can't do it. Needs Linux, root, /dev/fuse, Go, versitygw.`,
  {
    settle: { value: 8, text: 'seconds before and after each round' },
    clients: { value: 4, text: 'clients that send' },
    rounds: {
      value: rounds.map(({ name }) => name).join(),
      text: 'what is replaced',
      of: 'ROUNDS',
      among: rounds.map(({ name }) => name),
    },
    keep: { flag: true, text: 'keep the folder' },
  },
);
const chosen = rounds.filter(({ name }) => args.rounds.split(',').includes(name));
const missing = whyNoNetwork() ?? (await whyNoMounts()) ?? (skipWithoutS3() || null);
if (missing !== null) {
  console.log(`skipped: ${missing}`);
  process.exit(0);
}

const begun = performance.now();
const say = (line: string) => console.log(`${seconds(performance.now() - begun).padStart(8)}  ${line}`);
const topology = await Topology.make(say);
const { plan, services } = topology;
let failed = false;
let senders: Senders | undefined;
let queries: Queries | undefined;
const targets: Targets[] = [];
const end = async () => {
  await senders?.stop();
  await queries?.stop();
  for (const each of targets) each.close();
  await topology.remove(failed || args.keep);
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    failed = true;
    void end().finally(() => process.exit(1));
  });
}
try {
  say(`folder ${topology.folder}`);
  for (const line of topology.overrides) say(`instead of the template: ${line}`);
  await services.catalog.deploy();
  await services.app.deploy();
  await services.query.deploy();

  const headers = { authorization: `Bearer ${plan.apiKey}` };
  const tally = new Tally();
  tally.begin('warmup');
  const target = (name: 'app' | 'query') => {
    const made = new Targets(plan.services[name].hostName, topology.vpc.resolver);
    targets.push(made);
    return made;
  };
  senders = new Senders(target('app'), headers, tally, args.clients, 20);
  await sleep(2000);
  queries = new Queries(target('query'), headers, tally, 250);
  await sleep(2000);
  for (const round of chosen) {
    say(`round: ${round.text}`);
    await play(round, topology, { tally, senders, queries }, args.settle * 1000);
    const { phase } = tally;
    say(
      `  writes ${showCounts(phase.sends)}; longest without an acknowledgement ${seconds(phase.longestUnacknowledged)}`,
    );
    say(
      `  queries ${showCounts(phase.queries)}; longest without an answer ${seconds(phase.longestUnanswered)}`,
    );
  }
  await senders.stop();
  await queries.stop();
  const verdict = await verdictOf(topology, senders);
  await topology.end();

  console.log(
    '\n| round | writes | longest without an acknowledgement | queries | longest without an answer |',
  );
  console.log('| --- | --- | --- | --- | --- |');
  for (const phase of tally.phases) {
    const text = rounds.find(({ name }) => name === phase.name)?.text ?? phase.name;
    const [acks, answers] = [seconds(phase.longestUnacknowledged), seconds(phase.longestUnanswered)];
    console.log(
      `| ${text} | ${showCounts(phase.sends)} | ${acks} | ${showCounts(phase.queries)} | ${answers} |`,
    );
  }
  const leftovers = Object.entries(verdict.leftovers).map(([state, n]) => `${state} ${n}`);
  console.log(
    `${verdict.acknowledged} acknowledged requests with ${verdict.records} records, each there once; ` +
      `${verdict.unacknowledged} more whose answer was lost; ${senders.givenUp} never taken by a node; ` +
      `${verdict.files} files, none missing, ${leftovers.join(', ') || 'none'} left over`,
  );
} catch (error) {
  failed = true;
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  console.log(`folder: ${topology.folder}`);
}
await end();
process.exit(failed ? 1 : 0);
