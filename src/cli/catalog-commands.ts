import { createInterface } from 'node:readline/promises';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Config } from '../config/index.js';
import type { Progress } from '../recovery/index.js';
import type * as Output from './catalog-output.js';
import { progressLine } from './catalog-progress.js';
import type * as Work from './catalog.js';
import { CommandError } from './errors.js';
import { addSettings, loadConfig, type CommandOptions } from './options.js';

type Parts = typeof Work & typeof Output;
type Run = (
  config: Config,
  options: CommandOptions,
  onProgress: Progress,
  parts: Parts,
  args: readonly string[],
) => Promise<Outcome>;

interface Outcome {
  readonly value: unknown;
  readonly text: string;
  readonly ok: boolean;
}

const exitCodes = `
Exit code: 0 all is well; 1 it failed, or something is wrong with the catalog; 2 wrong use.
Settings of \`serve\` (flags, CANARDSTACK_* variables, --config) apply; \`canardstack config\` lists them.`;

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0) || !Number.isFinite(value))
    throw new InvalidArgumentError('It must be a number of seconds.');
  return value;
}

function date(text: string): string {
  const valid = /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
  if (!valid) throw new InvalidArgumentError('It must be a date such as 2026-01-31.');
  return text;
}

/** Adds `catalog status | backup | restore | verify | forget-file | retention | clock | rebuild | migrate`. */
export function addCatalogCommands(
  root: Command,
  argv: readonly string[],
  setCode: (code: number) => void,
): void {
  const catalog = root
    .command('catalog')
    .description('Look after the catalog: back up, restore, verify, expire, rebuild, migrate.');
  catalog.copyInheritedSettings(root);
  catalog.addHelpText(
    'after',
    `\nExamples:\n  canardstack catalog status\n  canardstack catalog backup\n  canardstack catalog verify --help\n${exitCodes}`,
  );
  const define = (name: string, description: string, run: Run): Command => {
    const command = catalog.command(name).description(description).copyInheritedSettings(catalog);
    addSettings(command, false, argv);
    command.option('--json', 'print the result as JSON');
    return command.action(async (...given: unknown[]) => {
      // Arguments, options, and the command itself.
      const options = given.at(-2) as CommandOptions;
      const args = (given.length > 2 ? given[0] : []) as readonly string[];
      const { config } = loadConfig(options);
      const line = progressLine(process.stderr, options['json'] === true && !process.stderr.isTTY);
      const parts = { ...(await import('./catalog.js')), ...(await import('./catalog-output.js')) };
      let outcome: Outcome;
      try {
        outcome = await run(config, options, line.report, parts, args);
      } finally {
        line.end();
      }
      process.stdout.write(options['json'] ? `${JSON.stringify(outcome.value, null, 2)}\n` : outcome.text);
      setCode(outcome.ok ? 0 : 1);
    });
  };
  const dryRun = ['--dry-run', 'say what would be done; change nothing'] as const;
  const force = ['--force', 'replace a catalog that is there; it is kept aside'] as const;
  const assume = [
    '--assume-committed',
    "take all that this data folder's spool holds for committed, so that none of it comes twice",
  ] as const;
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const flags = (options: CommandOptions) => ({
    dryRun: options['dryRun'] === true,
    force: options['force'] === true,
    assumeCommitted: options['assumeCommitted'] === true,
  });

  define(
    'status',
    'Kind, owner, snapshot, sizes, last backup.',
    async (config, _options, _progress, parts) => {
      const value = await parts.status(config);
      return { value, text: parts.statusText(value), ok: true };
    },
  ).addHelpText('after', `\nExample:\n  canardstack catalog status --json | jq .lastBackup\n${exitCodes}`);

  define(
    'backup',
    'Copy the catalog at one snapshot; the server may run.',
    async (config, options, progress, parts) => {
      const value = await parts.backup(config, text(options['to']), progress);
      return { value, text: parts.backupText(value), ok: true };
    },
  )
    .option(
      '--to <path>',
      'folder or object-store URL (default: CANARDSTACK_CATALOG_BACKUP_PATH); needs the server of a local catalog stopped',
    )
    .addHelpText(
      'after',
      `
The Parquet files are not copied: keep them, or back them up by the means of their store.

Examples:
  canardstack catalog backup
  canardstack catalog backup --catalog-backup-path s3://bucket/catalog-backups
${exitCodes}`,
    );

  define(
    'restore',
    'Bring a backup back, with the server stopped.',
    async (config, options, progress, parts) => {
      const value = await parts.restore(
        config,
        {
          ...flags(options),
          from: text(options['from']),
          name: text(options['backup']) ?? null,
          import: options['adopt'] === true,
        },
        progress,
      );
      // Leftovers of no use are no failure of the restore.
      const { damaged, orphans } = value.verified;
      const whole = damaged.length === 0 && !orphans.some(({ state }) => state === 'rows');
      const ok = whole && (value.imported?.failed.length ?? 0) === 0;
      return { value, text: parts.restoreText(value), ok };
    },
  )
    .option('--from <path>', 'folder or URL of the backups (default: CANARDSTACK_CATALOG_BACKUP_PATH)')
    .option('--backup <name>', 'which one (default: the newest)')
    .option('--adopt', 'also take in the Parquet files that were committed after the backup, each row once')
    .option(...force)
    .option(...assume)
    .option(...dryRun)
    .addHelpText(
      'after',
      `
The checksum is proved first. Afterwards the catalog is checked against the Parquet files: what was committed after the
backup lies there unknown, and is kept; --adopt takes it in.

Examples:
  canardstack catalog restore --dry-run
  canardstack catalog restore --adopt
${exitCodes}`,
    );

  define(
    'verify',
    'Compare the catalog with the files under the data path.',
    async (config, options, progress, parts) => {
      const minAgeSecs = typeof options['minAge'] === 'number' ? options['minAge'] : undefined;
      const deep = options['deep'] === true;
      const found = await parts.verify(config, { repair: false, deep, minAgeSecs }, progress);
      const { removableOrphans } = await import('../recovery/index.js');
      const old = removableOrphans(found);
      const wanted = options['repair'] === true && old.length > 0;
      if (!wanted || options['dryRun'] === true)
        return { value: found, text: parts.verifyText(found), ok: found.ok };
      const bytes = old.reduce((sum, each) => sum + each.bytes, 0);
      await confirmed(
        `${old.length} unknown files (${bytes} bytes) that nobody misses will be removed.`,
        options,
      );
      const value = await parts.verify(config, { repair: true, deep: false, minAgeSecs }, progress);
      const gone = new Set(value.removed);
      const left = value.orphans.filter(
        ({ key, state }) => !gone.has(key) && state !== 'young' && state !== 'foreign',
      );
      const ok = value.damaged.length === 0 && left.length === 0;
      return { value: { ...value, ok }, text: parts.verifyText({ ...value, ok }), ok };
    },
  )
    .addOption(
      new Option(
        '--min-age <seconds>',
        'age below which unknown files are left alone (default: CANARDSTACK_CATALOG_ORPHAN_MIN_AGE_SECS)',
      ).argParser(seconds),
    )
    .option('--deep', 'also read every file and backup whole, and compare their checksums')
    .option('--repair', 'remove old unknown files, except those with rows that the lake does not have')
    .option('--yes', 'do not ask')
    .option(...dryRun)
    .addHelpText(
      'after',
      `
Every file of the catalog must exist with the right size; every file under the data path must be known. A file that holds
other bytes than were written shows only with --deep.

Examples:
  canardstack catalog verify || alert
  canardstack catalog verify --deep
  canardstack catalog verify --repair --yes
${exitCodes}`,
    );

  define(
    'forget-file',
    'Give up the rows of files that are missing or damaged.',
    async (config, options, _progress, parts, paths) => {
      const value = await parts.forgetFile(config, paths, options['dryRun'] === true);
      return { value, text: parts.forgetText(value), ok: value.refused.length === 0 };
    },
  )
    .argument('<path...>', 'files as "catalog verify --deep", the log or an error name them')
    .option(...dryRun)
    .addHelpText(
      'after',
      `
Bring the file back first if you can: from the versions or a copy of its store; it is whole again at the next CHECKPOINT.
Files that are whole are refused. The server must run.

Examples:
  canardstack catalog forget-file --dry-run main/logs/year=2026/month=1/day=31/canardstack-….parquet
${exitCodes}`,
    );

  define(
    'retention',
    'What retention would delete; and, on your word, delete it.',
    async (config, options, _progress, parts) => {
      const before = text(options['yesDeleteBefore']);
      const value = await parts.retention(config, options['dryRun'] === true ? undefined : before);
      const ok = value.status === 'ok' && (before === undefined || value.held === null);
      return { value, text: parts.retentionText(value), ok };
    },
  )
    .addOption(
      new Option(
        '--yes-delete-before <date>',
        'your word for the date that a dry run names: delete what is older',
      ).argParser(date),
    )
    .option(...dryRun)
    .addHelpText(
      'after',
      `
Without a word nothing is deleted. Retention that would delete an implausible part of the lake waits for one, as after
CANARDSTACK_RETENTION_DAYS was made shorter, or while the clock contradicts the lake. The server must run.

Examples:
  canardstack catalog retention --dry-run
  canardstack catalog retention --yes-delete-before 2026-01-31
${exitCodes}`,
    );

  define(
    'clock',
    "The server's wall clock beside what the lake knows of time.",
    async (config, options, _progress, parts) => {
      const value = await parts.clock(config, options['accept'] === true);
      return { value, text: parts.clockText(value), ok: value.contradiction === null };
    },
  )
    .option('--accept', "your word that this server's wall clock is right: the lake's time follows it")
    .addHelpText(
      'after',
      `
While they contradict each other nothing is deleted by its age. Set the clock right; after a long pause fresh telemetry
settles it without you. Exit code 1 while they contradict.

Examples:
  canardstack catalog clock
  canardstack catalog clock --accept
${exitCodes}`,
    );

  define(
    'rebuild',
    'Make a new catalog from the Parquet files alone.',
    async (config, options, progress, parts) => {
      const value = await parts.rebuild(config, flags(options), progress);
      return { value, text: parts.rebuildText(value), ok: value.failed.length === 0 };
    },
  )
    .option(...force)
    .option(...assume)
    .option(...dryRun)
    .addHelpText(
      'after',
      `
For when neither the catalog nor a backup is left. It says what Parquet files can't tell. A newest backup with
"restore --adopt" keeps more.

Examples:
  canardstack catalog rebuild --dry-run
  canardstack catalog rebuild
${exitCodes}`,
    );

  define(
    'migrate',
    'Copy the catalog from its file to PostgreSQL, or back.',
    async (config, options, progress, parts) => {
      const to = options['to'] === 'postgres' ? 'postgres' : 'local';
      const value = await parts.migrate(config, { to, dryRun: options['dryRun'] === true }, progress);
      return { value, text: parts.migrateText(value), ok: true };
    },
  )
    .addOption(new Option('--to <kind>', 'where to').choices(['postgres', 'local']).makeOptionMandatory())
    .option(...dryRun)
    .addHelpText(
      'after',
      `
Stop every server first. CANARDSTACK_POSTGRES_DSN names the one side, CANARDSTACK_DUCKLAKE_CATALOG_PATH (or DATA_DIR)
the other. Counts are compared before the copy counts; the original stays.

Examples:
  CANARDSTACK_POSTGRES_DSN="host=db dbname=lake" canardstack catalog migrate --to postgres --dry-run
  CANARDSTACK_POSTGRES_DSN="host=db dbname=lake" canardstack catalog migrate --to local
${exitCodes}`,
    );
}

async function confirmed(what: string, options: CommandOptions): Promise<void> {
  if (options['yes'] === true) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw new CommandError(`${what} Say --yes to do it`, 2);
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await prompt.question(`${what} Go on? [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError('nothing was removed');
  } finally {
    prompt.close();
  }
}
