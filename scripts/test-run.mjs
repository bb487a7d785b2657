// Runs test files in the order in which they are given, which `node --test` sorts by name; see scripts/test.mjs.
import { createWriteStream, readFileSync } from 'node:fs';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import counts from './counts.mjs';

const { files, concurrency, timeout, totals } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const events = run({ files, concurrency, timeout });
events.on('test:fail', () => (process.exitCode = 1));
events.compose(new spec()).pipe(process.stdout);
events.compose(counts).pipe(createWriteStream(totals));
