import { rm } from 'node:fs/promises';
import { options } from '../bench/options.js';
import type { ContentEncoding } from '../src/schema/index.js';
import { hostileFields } from './hostile/requests.js';
import { memoryGroup } from './memory-group.js';
import { broken, memoryBytes, startSmallServer, tableOf } from './hostile/verdict.js';
import { runTrial, type Trial, type OtlpFormat } from './hostile/trial.js';

const args = options(
  'npm run drill:hostile',
  `For each repeated field of OTLP one request in which it is repeated up to 20 million times, against a server with
the defaults of a machine of 2 GiB, in a control group of 2 GiB where one can be made. The server must never die or
take more than 1.5 GiB, and the next good record must be visible within 3 s. Resident memory is read from /proc, where
the kernel keeps its peak; more than 2 GiB counts as dead. Exit code 1 when a promise is broken.`,
  {
    fields: { value: '', text: 'repeated fields whose name has one of them, divided by commas' },
    formats: { value: 'protobuf,json', text: 'formats of OTLP', of: 'FORMATS', among: ['protobuf', 'json'] },
    counts: { value: '100000,2000000,20000000', text: 'how often a field is repeated', of: 'LIST' },
    markdown: { flag: true, text: 'print no line of each request' },
  },
);
const only = args.fields === '' ? [] : args.fields.split(',');
const compressions: ContentEncoding[] = ['gzip', 'deflate', 'snappy'];
const trials: Trial[] = [];
const failures: string[] = [];
const group = memoryGroup(memoryBytes) ?? undefined;
const start = () => startSmallServer({}, undefined, group);
let server = await start();
let turn = 0;

for (const field of hostileFields) {
  if (only.length > 0 && !only.some((part) => field.name.includes(part))) continue;
  for (const format of args.formats.split(',') as OtlpFormat[]) {
    for (const count of args.counts.split(',').map(Number)) {
      const compression = compressions[turn++ % compressions.length]!;
      // The most that fits a body uncompressed is a few million elements; compressed it can be any number.
      for (const encoding of count === 2_000_000 ? (['identity', compression] as const) : [compression]) {
        const trial = await runTrial(server, field, format, count, encoding);
        if (trial === null) continue;
        trials.push(trial);
        const why = broken(trial);
        if (why !== null) failures.push(`${trial.field}, ${format}, ${trial.count}, ${encoding}: ${why}`);
        if (!args.markdown) console.log(JSON.stringify(trial));
        if (!trial.dead) continue;
        await server.kill();
        await rm(server.dataDir, { recursive: true, force: true });
        server = await start();
      }
    }
  }
}
const code = await server.stop();
await rm(server.dataDir, { recursive: true, force: true });
console.log(tableOf(trials));
for (const failure of failures) console.error(failure);
console.log(
  `${trials.length} requests, ${failures.length} broken promises; the server ended with code ${code}`,
);
console.log(
  group
    ? `in a control group of ${memoryBytes} bytes: the kernel's memory killer ended ${group.killed} processes`
    : 'no control group of memory can be made here: memory was only watched',
);
group?.close();
process.exit(failures.length === 0 && code === 0 ? 0 : 1);
