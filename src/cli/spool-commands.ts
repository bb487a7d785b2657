import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { formatBytes } from '../config/units.js';
import { CommandError } from './errors.js';
import { addSettings, loadConfig, type CommandOptions } from './options.js';
import type { Changed, Choice, ShownRecord, SpoolContents } from './spool.js';
import { formatTable, printable } from './table.js';

const ending = `
Exit code: 0 all is well; 1 it failed, or a record was set aside again; 2 wrong use.
Settings of \`serve\` (flags, CANARDSTACK_* variables, --config) apply; \`canardstack config\` lists them.`;

type Output = string | Uint8Array;

/** Adds `spool list | show | export | retry | remove`. */
export function addSpoolCommands(
  root: Command,
  argv: readonly string[],
  setCode: (code: number) => void,
): void {
  const spool = root.command('spool').description('Look at records that were set aside, and try them again.');
  spool.copyInheritedSettings(root);
  spool.addHelpText(
    'after',
    `\nA record at which the server died twice, or that can't be committed, is set aside: kept, and not in the lake.

Examples:\n  canardstack spool list\n  canardstack spool retry --all --dry-run\n${ending}`,
  );
  const define = (name: string, description: string): Command => {
    const command = spool.command(name).description(description).copyInheritedSettings(spool);
    return addSettings(command, false, argv);
  };
  const write = (options: CommandOptions, value: unknown, text: Output) => {
    process.stdout.write(options['json'] ? `${JSON.stringify(value, null, 2)}\n` : text);
  };

  define('list', 'All that is set aside or damaged.')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', `\nExample:\n  canardstack spool list --json | jq '.setAside[].name'\n${ending}`)
    .action(async (options: CommandOptions) => {
      const { list } = await import('./spool.js');
      const contents = await list(loadConfig(options).config);
      write(options, contents, listText(contents));
    });

  define('show', 'One record: why, sizes, times, the services in it.')
    .argument('<name>', 'as `spool list` has it')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', `\nExample:\n  canardstack spool show logs-00000000000000001234.crash\n${ending}`)
    .action(async (name: string, options: CommandOptions) => {
      const { show } = await import('./spool.js');
      const shown = await show(loadConfig(options).config, name);
      write(options, shown, showText(shown));
    });

  define('export', 'Write the body of a record, as it was received.')
    .argument('<name>', 'as `spool list` has it')
    .option('--to <file>', 'instead of standard output; a file that is there is not replaced')
    .option('--json', 'print what was written as JSON (needs --to)')
    .addHelpText(
      'after',
      `
It is an OTLP request in the format and encoding that \`spool show\` names.

Example:\n  canardstack spool export logs-00000000000000001234.crash --to request.bin\n${ending}`,
    )
    .action(async (name: string, options: CommandOptions) => {
      const to = options['to'];
      if (options['json'] && typeof to !== 'string') throw new CommandError('--json needs --to', 2);
      const { body } = await import('./spool.js');
      const { bytes, record } = await body(loadConfig(options).config, name);
      if (typeof to !== 'string') return void process.stdout.write(bytes);
      await writeFile(to, bytes, { flag: 'wx', mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
        throw new CommandError(`${to} can't be written: ${error.code ?? error.message}`);
      });
      write(
        options,
        { to, ...record },
        `${bytes.byteLength} bytes (${record.format}, ${record.encoding}) to ${to}\n`,
      );
    });

  const change = (name: 'retry' | 'remove', description: string): Command =>
    define(name, description)
      .argument('[names...]', 'as `spool list` has them')
      .option('--all', 'all that is set aside')
      .option('--dry-run', 'say what would be done; change nothing')
      .option('--json', 'print the result as JSON');

  change('retry', 'Put records back into the spool, from where they are committed as any other.')
    .addHelpText(
      'after',
      `
Each is committed exactly once, whenever the server ends meanwhile. One at which the server dies again is set aside again
after the second death. With the server stopped they are committed after its next start.

Examples:\n  canardstack spool retry logs-00000000000000001234.crash\n  canardstack spool retry --all --dry-run\n${ending}`,
    )
    .action(async (names: string[], options: CommandOptions) => {
      const { retry } = await import('./spool.js');
      const changed = await retry(loadConfig(options).config, choice(names, options));
      write(
        options,
        changed,
        changedText(changed, 'would be put back into the spool', 'waits to be committed'),
      );
      if (changed.records.some((each) => 'outcome' in each && each.outcome === 'set_aside_again')) setCode(1);
    });

  change('remove', 'Delete records for good.')
    .option('--yes', 'delete; without it nothing is done')
    .addHelpText(
      'after',
      `\nExample:\n  canardstack spool remove --yes logs-00000000000000001234.crash\n${ending}`,
    )
    .action(async (names: string[], options: CommandOptions) => {
      const chosen = choice(names, options);
      if (!chosen.dryRun && options['yes'] !== true)
        throw new CommandError(
          'what is deleted was acknowledged and is nowhere else: add --yes, or --dry-run',
          2,
        );
      const { remove } = await import('./spool.js');
      const changed = await remove(loadConfig(options).config, chosen);
      write(options, changed, changedText(changed, 'would be deleted', 'deleted'));
    });
}

function choice(names: readonly string[], options: CommandOptions): Choice {
  const all = options['all'] === true;
  if (all === names.length > 0) throw new CommandError('give either names or --all', 2);
  return { names, all, dryRun: options['dryRun'] === true };
}

const outcomes = {
  committed: 'committed',
  waiting: 'waits to be committed',
  set_aside_again: 'set aside again',
} as const;

function changedText({ dryRun, records }: Changed, would: string, done: string): string {
  if (records.length === 0) return 'nothing is set aside\n';
  const said = (each: Changed['records'][number]) =>
    dryRun ? would : 'outcome' in each ? outcomes[each.outcome] : done;
  return records.map((each) => `${each.name}: ${said(each)}\n`).join('');
}

function listText({ folder, setAside, damaged }: SpoolContents): string {
  if (setAside.length + damaged.length === 0) return `nothing is set aside in ${folder}\n`;
  const right = { align: 'right' } as const;
  const columns = [
    { name: 'name' },
    { name: 'cause' },
    { name: 'size', ...right },
    { name: 'at' },
    { name: 'reason' },
  ];
  const rows = [
    ...setAside.map((each) => [
      each.name,
      each.cause,
      formatBytes(each.bytes),
      each.receivedAt,
      printable(each.reason),
    ]),
    ...damaged.map((each) => [
      each.name,
      each.kind,
      formatBytes(each.bytes),
      each.at ?? '',
      'holds no valid record',
    ]),
  ];
  return formatTable(columns, rows, process.stdout.isTTY ? process.stdout.columns : undefined);
}

function showText(shown: ShownRecord): string {
  const services =
    shown.services === null
      ? "can't be told"
      : shown.services.length === 0
        ? 'none named'
        : shown.services.map(printable).join(', ');
  const lines: [string, string][] = [
    ['name', shown.name],
    ['signal', shown.signal],
    ['cause', shown.cause],
    ['reason', printable(shown.reason)],
    ['deaths', String(shown.deaths)],
    ['received', shown.receivedAt],
    ['set aside', shown.setAsideAt ?? 'unknown'],
    ['size', `${formatBytes(shown.bytes)} (${shown.bytes} bytes), ${shown.format}, ${shown.encoding}`],
    ['position', `${shown.start} to ${shown.end}`],
    ['services', services],
    ['file', shown.path],
  ];
  return lines.map(([name, value]) => `${name.padEnd(10)} ${value}\n`).join('');
}
