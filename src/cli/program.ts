import { Command, InvalidArgumentError, Option } from 'commander';
import { configMarkdown, describeConfig, effective } from '../config/index.js';
import { addCatalogCommands } from './catalog-commands.js';
import { Client } from './client.js';
import { CommandError } from './errors.js';
import { addSettings, loadConfig, type CommandOptions } from './options.js';
import { addSpoolCommands } from './spool-commands.js';
import { formatTable } from './table.js';
import type { StepResult } from './smoke-steps.js';
import { version } from './version.js';

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value))
    throw new InvalidArgumentError('It must be a positive number.');
  return value;
}

function positiveInteger(text: string): number {
  const value = positive(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}

function json(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Columns to fit tables into; undefined when the output goes to a file or pipe. */
function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined;
}

function useColor(): boolean {
  return process.stdout.isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
}

type Action = (options: CommandOptions, args: readonly string[]) => Promise<number>;

/**
 * Parses the command line and runs the command; resolves with the exit code. Rejects with CommanderError,
 * ConfigError or CommandError. Parts of the server are imported by the commands that need them, so that the
 * small ones start fast.
 */
export async function program(argv: readonly string[]): Promise<number> {
  let code = 0;
  const root = new Command('canardstack')
    .description('OpenTelemetry backend on DuckLake: OTLP in, Prometheus, Loki and Tempo APIs out.')
    .version(version)
    .exitOverride()
    .configureHelp({ helpWidth: Math.min(process.stdout.columns ?? 100, 120) })
    .showHelpAfterError('(--help shows what is possible)');

  /** Settings are accepted by every command and listed in the help of those that are about them. */
  const define = (
    name: string,
    description: string,
    action: Action,
    { listed = false, alias }: { readonly listed?: boolean; readonly alias?: string } = {},
  ): Command => {
    const command = root.command(name).description(description).copyInheritedSettings(root);
    if (alias !== undefined) command.alias(alias);
    addSettings(command, listed, argv);
    return command.action(async (...given: unknown[]) => {
      const args = given
        .slice(0, -2)
        .flat()
        .filter((arg): arg is string => typeof arg === 'string');
      code = await action(given.at(-2) as CommandOptions, args);
    });
  };
  const more =
    '\nSettings of `serve` (flags, CANARDSTACK_* variables, --config) apply; `canardstack config` lists them.';

  define('serve', 'Run the server.', serveCommand, { listed: true }).addHelpText(
    'after',
    `
Examples:
  canardstack serve
  canardstack serve --data-dir /var/lib/canardstack --bind 0.0.0.0:4318 --api-key "$KEY"
  CANARDSTACK_RETENTION_DAYS=30 canardstack serve --config canardstack.yaml`,
  );

  define('serve-catalog', 'Own the catalog file and serve it to other nodes.', serveCatalogCommand, {
    listed: true,
  }).addHelpText(
    'after',
    '\nExample:\n  canardstack serve-catalog --data-dir /var/lib/canardstack --catalog-listen 0.0.0.0:9494',
  );

  define('smoke', 'Check the whole way in this process, in a temporary folder.', smokeCommand)
    .option('--json', 'print the steps as JSON')
    .addHelpText('after', `\nExamples:\n  canardstack smoke\n  canardstack smoke --json${'\n'}${more}`);

  define('smoke-http', 'Check a running server: send, read back, CHECKPOINT, count.', smokeHttpCommand)
    .option('--url <url>', 'its address (default: the configured bind)')
    .option('--json', 'print the steps as JSON')
    .addHelpText(
      'after',
      `\nExample:\n  CANARDSTACK_API_KEY=... canardstack smoke-http --url https://telemetry.example:4318\n${more}`,
    );

  define(
    'healthcheck',
    'Ask the server on this machine whether it is alive; for containers.',
    healthcheckCommand,
  )
    .option('--ready', 'ask whether it can serve (/readyz) rather than whether it is alive (/healthz)')
    .addOption(new Option('--timeout <seconds>', 'bound of the answer').default(3).argParser(positive))
    .option('--json', 'print the answer as JSON')
    .addHelpText(
      'after',
      `\nExamples:\n  canardstack healthcheck\n  canardstack healthcheck --ready\n${more}`,
    );

  define('install-extensions', 'Fetch the DuckDB extensions that the server loads.', installCommand, {
    alias: 'install-ducklake-extension',
  })
    .argument('[names...]', 'extensions (default: ducklake httpfs)')
    .option('--all', 'also those of other catalogs: quack, postgres')
    .option('--json', 'print what is installed as JSON')
    .addHelpText(
      'after',
      `
Each is taken from the extension folder if it is there, else from DuckDB's repository, else from PyPI by pip.
DuckDB checks the signature when it loads one.

Examples:
  canardstack install-extensions
  canardstack install-extensions --duckdb-extension-dir /opt/duckdb ducklake httpfs
${more}`,
    );

  define('config', 'Show every setting: value, default, meaning, source.', configCommand, { listed: true })
    .option('--json', 'print as JSON')
    .option('--markdown', 'print docs/configuration.md')
    .addHelpText(
      'after',
      '\nExamples:\n  canardstack config\n  canardstack config --json | jq \'.[] | select(.source != "default")\'',
    );

  define('top', 'Watch what a running server does.', topCommand)
    .option('--url <url>', 'its address (default: the configured bind)')
    .addOption(new Option('--interval <seconds>', 'time between refreshes').default(2).argParser(positive))
    .addOption(new Option('--count <n>', 'stop after so many refreshes').argParser(positiveInteger))
    .option('--plain', 'a line for each refresh, also on a terminal')
    .option('--json', 'a JSON object for each refresh')
    .addHelpText(
      'after',
      `\nExamples:\n  canardstack top\n  canardstack top --plain --interval 10 --count 6\n\nOn a terminal, q or Ctrl-C quits.\n${more}`,
    );

  define('demo', "Send a small shop's telemetry to look at: the last hours, then live.", demoCommand)
    .option(
      '--url <url>',
      'the server to send to (default: the configured bind, started when none answers there)',
    )
    .addOption(new Option('--hours <n>', 'how far back it begins').default(6).argParser(positive))
    .addOption(new Option('--rate <n>', "visitors' requests a second").default(1).argParser(positive))
    .addOption(
      new Option('--seed <n>', 'another shop for another number').default(1).argParser(positiveInteger),
    )
    .option('--once', 'end after the past')
    .addHelpText(
      'after',
      `
It has a slow query and a failing payment to find. A server that it starts itself keeps its data in ./canardstack-demo
unless --data-dir is given.

Examples:
  canardstack demo
  canardstack demo --url http://telemetry.example:4318 --hours 24 --once
${more}`,
    );

  define('sql', 'Run read-only SQL on the lake.', sqlCommand)
    .argument('<statement>', 'the SQL text, or - to read it from standard input')
    .addOption(
      new Option('--format <format>', 'form of the output')
        .choices(['table', 'csv', 'json'])
        .default('table'),
    )
    .option('--json', 'the same as --format json')
    .addOption(new Option('--max-rows <n>', 'most rows to fetch').argParser(positiveInteger))
    .addHelpText(
      'after',
      `
The running server answers (with the admin key); when none does, the lake is opened read-only.

Examples:
  canardstack sql "SELECT service_name, count(*) FROM lake.logs GROUP BY ALL"
  canardstack sql --format csv "FROM lake.spans WHERE duration > 1000" > slow.csv
  echo "SHOW ALL TABLES" | canardstack sql -
${more}`,
    );

  define('mcp', 'Answer agents on standard input and output (Model Context Protocol).', mcpCommand)
    .option('--url <url>', 'the server to ask (default: the configured bind)')
    .addHelpText(
      'after',
      `
Asks a running server with the keys of the settings; SQL needs the admin key. The server itself answers at /mcp.

Examples:
  canardstack mcp
  CANARDSTACK_API_KEY=... canardstack mcp --url https://telemetry.example:4318
${more}`,
    );

  addCatalogCommands(root, argv, (result) => (code = result));
  addSpoolCommands(root, argv, (result) => (code = result));

  if (argv.length <= 2) {
    root.outputHelp({ error: true });
    return 2;
  }
  await root.parseAsync([...argv]);
  return code;
}

async function serveCommand(options: CommandOptions): Promise<number> {
  const { config, sources } = loadConfig(options);
  const { serve } = await import('./serve.js');
  return await serve(config, sources);
}

async function serveCatalogCommand(options: CommandOptions): Promise<number> {
  const { config } = loadConfig(options);
  const { serveCatalog } = await import('./serve-catalog.js');
  return await serveCatalog(config);
}

function stepReporter(options: CommandOptions): (result: StepResult) => void {
  if (options['json']) return () => undefined;
  return ({ name, status, milliseconds, reason }) => {
    const mark = { ok: 'ok     ', failed: 'FAILED ', skipped: 'skipped' }[status];
    process.stdout.write(`${mark} ${name} (${milliseconds} ms)${reason ? `: ${reason}` : ''}\n`);
  };
}

function stepsEnd(options: CommandOptions, steps: readonly StepResult[]): number {
  const ok = steps.every(({ status }) => status !== 'failed');
  if (options['json']) json({ ok, steps });
  return ok ? 0 : 1;
}

async function smokeCommand(options: CommandOptions): Promise<number> {
  const { config } = loadConfig(options);
  const { smoke } = await import('./smoke.js');
  return stepsEnd(options, await smoke(config, stepReporter(options)));
}

async function clientOf(
  options: CommandOptions,
  config: Parameters<typeof Client.forConfig>[0],
): Promise<Client> {
  const url = options['url'];
  if (typeof url !== 'string') return await Client.forConfig(config);
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new CommandError(`--url: ${JSON.stringify(url)} is not an http:// or https:// address`, 2);
  }
  return new Client(url);
}

async function smokeHttpCommand(options: CommandOptions): Promise<number> {
  const { config } = loadConfig(options);
  const { smokeHttp } = await import('./smoke.js');
  const keys = { api: config.apiKey, admin: config.adminApiKey ?? config.apiKey };
  return stepsEnd(options, await smokeHttp(await clientOf(options, config), keys, stepReporter(options)));
}

async function healthcheckCommand(options: CommandOptions): Promise<number> {
  const { config } = loadConfig(options);
  const { healthcheck } = await import('./healthcheck.js');
  const timeoutMs = Number(options['timeout']) * 1000;
  const result = await healthcheck(config, { ready: options['ready'] === true, timeoutMs });
  if (options['json']) json(result);
  else process.stdout.write(result.ok ? 'ok\n' : `not ok: ${result.reasons.join('; ')}\n`);
  return result.ok ? 0 : 1;
}

async function installCommand(options: CommandOptions, given: readonly string[]): Promise<number> {
  const { config } = loadConfig(options);
  const { installExtensions } = await import('../duckdb/index.js');
  const names = given.length > 0 ? [...given] : ['ducklake', 'httpfs'];
  if (options['all']) names.push(...['quack', 'postgres'].filter((name) => !names.includes(name)));
  const dir = effective(config).duckdbExtensionDir;
  const log = (line: string) => void process.stderr.write(`${line}\n`);
  const installed = await installExtensions({ dir, names, log });
  if (options['json']) json(installed);
  else for (const { name, source, path } of installed) process.stdout.write(`${name} (${source}) ${path}\n`);
  return 0;
}

async function configCommand(options: CommandOptions): Promise<number> {
  if (options['markdown']) {
    process.stdout.write(configMarkdown());
    return 0;
  }
  const { config, sources } = loadConfig(options);
  const reports = describeConfig(config, sources);
  if (options['json']) {
    json(reports);
    return 0;
  }
  const columns = ['setting', 'value', 'source', 'default', 'meaning'].map((name) => ({ name }));
  const shown = (value: string | number | boolean | null) => (value === null ? '–' : String(value));
  const rows = reports.map(({ environment, value, source, default: fallback, meaning }) => [
    environment,
    shown(value),
    shown(source),
    shown(fallback),
    meaning,
  ]);
  process.stdout.write(formatTable(columns, rows, terminalWidth()));
  return 0;
}

async function topCommand(options: CommandOptions): Promise<number> {
  const { config } = loadConfig(options);
  const { top } = await import('./top.js');
  const screen = process.stdout.isTTY && !options['plain'] && !options['json'];
  await top({
    client: await clientOf(options, config),
    key: config.apiKey ?? config.adminApiKey,
    intervalMs: Number(options['interval']) * 1000,
    ...(typeof options['count'] === 'number' ? { count: options['count'] } : {}),
    format: options['json'] ? 'json' : screen ? 'screen' : 'lines',
    color: useColor(),
    out: process.stdout,
    ...(process.stdin.isTTY ? { input: process.stdin } : {}),
  });
  return 0;
}

async function demoCommand(options: CommandOptions): Promise<number> {
  const { config, sources } = loadConfig(options);
  const url = typeof options['url'] === 'string' ? (await clientOf(options, config)).url : null;
  const { runDemo } = await import('./demo-command.js');
  return await runDemo(config, sources, {
    url,
    historyHours: Number(options['hours']),
    rate: Number(options['rate']),
    once: options['once'] === true,
    seed: Number(options['seed']),
  });
}

async function mcpCommand(options: CommandOptions): Promise<number> {
  const { config } = loadConfig(options);
  const { mcp } = await import('./mcp.js');
  await mcp({
    client: await clientOf(options, config),
    keys: { api: config.apiKey, admin: config.adminApiKey ?? config.apiKey },
    timeoutMs: config.queryTimeoutMs + 5000,
  });
  return 0;
}

async function sqlCommand(options: CommandOptions, [given = '']: readonly string[]): Promise<number> {
  const { config } = loadConfig(options);
  const { formatSqlResult, querySql, statementText } = await import('./sql.js');
  const text = await statementText(given, process.stdin);
  const maxRows = options['maxRows'];
  const result = await querySql(config, text, typeof maxRows === 'number' ? maxRows : undefined);
  const width = terminalWidth();
  const format = options['json'] ? 'json' : (options['format'] as 'table' | 'csv' | 'json');
  process.stdout.write(formatSqlResult(result, { format, ...(width === undefined ? {} : { width }) }));
  if (result.truncated && format !== 'table') process.stderr.write('warning: more rows were cut off\n');
  return 0;
}
