/**
 * The least that an fsync-acknowledging HTTP server costs in this runtime: reads each body, appends it to a
 * file, and answers after an fdatasync shared by the requests that wait. Run as a process of its own.
 */
import { open } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';

const [, , path = '', port = '0'] = process.argv;
const file = await open(path, 'w');
let waiting: { chunks: Buffer[]; reply: ServerResponse }[] = [];
let writing = false;

async function flush(): Promise<void> {
  if (writing) return;
  writing = true;
  while (waiting.length > 0) {
    const group = waiting;
    waiting = [];
    await file.writev(group.flatMap((entry) => entry.chunks));
    await file.datasync();
    for (const { reply } of group) reply.writeHead(200).end();
  }
  writing = false;
}

const server = createServer((req, reply) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    waiting.push({ chunks, reply });
    void flush();
  });
});
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
process.once('SIGTERM', () => process.exit(0));
