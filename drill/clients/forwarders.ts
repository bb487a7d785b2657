/** rsyslog and syslog-ng between a sender and this server: every transport of syslog that they have, and their Elasticsearch outputs. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually, freePort, temporaryFolder } from '../../test/support/server.js';
import { logsOf, type Door, type Log } from './check.js';
import { debianPackages, type Unpacked } from './debian.js';
import type { Compared } from './prometheus.js';

/** A server without and one with TLS, their syslog ports, and the authority of the certificate. */
export interface SyslogDoors {
  readonly plain: Door & { readonly port: number };
  readonly tls: Door & { readonly port: number };
  readonly caFile: string;
}

interface Forwarder {
  readonly name: string;
  readonly packages: readonly string[];
  /** Listens on `port` and passes all of it on by each of `ways`. */
  config(to: SyslogDoors, port: number, folder: string): string;
  command(at: Unpacked, config: string, folder: string): readonly [string, readonly string[]];
  /** What stands before the name of the application, by way. */
  readonly ways: readonly Way[];
}

interface Way {
  readonly prefix: string;
  readonly tls?: true;
  /** RFC 3164 has no structured data, and by its letter no fractions of a second; documents have what the template gives them. */
  readonly kind: 'modern' | 'bsd' | 'document';
  readonly fractions?: true;
}

const syslogWays: readonly Way[] = [
  { prefix: 'counted', kind: 'modern' },
  { prefix: 'lines', kind: 'modern' },
  { prefix: 'bsd', kind: 'bsd' },
  { prefix: 'udp', kind: 'modern' },
  { prefix: 'tls', kind: 'modern', tls: true },
  { prefix: 'document', kind: 'document' },
];

const host = (url: string) => new URL(url).host;

const rsyslog: Forwarder = {
  name: 'rsyslog',
  packages: ['rsyslog', 'rsyslog-elasticsearch', 'rsyslog-gnutls', 'libestr0', 'libfastjson4', 'liblognorm5'],
  ways: syslogWays,
  config({ plain, tls, caFile }, port, folder) {
    const modern = (prefix: string) =>
      `template(name="${prefix}" type="string" string="<%PRI%>1 %TIMESTAMP:::date-rfc3339% %HOSTNAME% ${prefix}-%APP-NAME% %PROCID% %MSGID% %STRUCTURED-DATA% %msg:::drop-last-lf%${prefix === 'udp' ? '' : '\\n'}")`;
    const to = `type="omfwd" target="127.0.0.1" port="${plain.port}"`;
    return `global(workDirectory="${folder}" defaultNetstreamDriverCAFile="${caFile}")
module(load="imptcp")
module(load="omelasticsearch")
input(type="imptcp" port="${port}" address="127.0.0.1")
${['counted', 'lines', 'udp', 'tls'].map(modern).join('\n')}
template(name="bsd" type="string" string="<%PRI%>%TIMESTAMP% %HOSTNAME% bsd-%APP-NAME%[%PROCID%]:%msg:::sp-if-no-1st-sp%%msg:::drop-last-lf%\\n")
template(name="document" type="string" option.json="on" string="{\\"@timestamp\\":\\"%TIMESTAMP:::date-rfc3339%\\",\\"message\\":\\"%msg%\\",\\"host\\":{\\"name\\":\\"%HOSTNAME%\\"},\\"log\\":{\\"level\\":\\"%syslogseverity-text%\\"},\\"service\\":{\\"name\\":\\"document-%APP-NAME%\\"}}")
action(${to} protocol="tcp" TCP_Framing="octet-counted" template="counted")
action(${to} protocol="tcp" template="lines")
action(${to} protocol="tcp" template="bsd")
action(${to} protocol="udp" template="udp")
action(type="omfwd" target="localhost" port="${tls.port}" protocol="tcp" TCP_Framing="octet-counted" template="tls"
  StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost")
action(type="omelasticsearch" server="http://${host(plain.url)}/elasticsearch" searchIndex="drill" searchType="" bulkmode="on"
  template="document" errorfile="${folder}/errors" uid="any" pwd="${plain.key}")
`;
  },
  command: ({ folder }, config, own) => [
    join(folder, 'usr/sbin/rsyslogd'),
    ['-n', '-f', config, '-i', join(own, 'pid'), '-M', join(folder, 'usr/lib/x86_64-linux-gnu/rsyslog')],
  ],
};

const syslogNg: Forwarder = {
  name: 'syslog-ng',
  packages: ['syslog-ng-core', 'syslog-ng-mod-http', 'libivykis0', 'libnet1', 'libwrap0', 'libpcre3'],
  ways: syslogWays.map((way) => (way.kind === 'bsd' ? { ...way, fractions: true } : way)),
  config({ plain, tls, caFile }, port) {
    const to = `"127.0.0.1" port(${plain.port})`;
    const document =
      '$(format-json --scope none @timestamp=$ISODATE message=$MSG host.name=$HOST service.name=$PROGRAM log.level=$LEVEL)';
    const destinations = {
      counted: `syslog(${to} transport("tcp"))`,
      lines: `network(${to} transport("tcp") flags(syslog-protocol))`,
      bsd: `network(${to} transport("tcp"))`,
      udp: `syslog(${to} transport("udp"))`,
      tls: `syslog("localhost" port(${tls.port}) transport("tls") tls(ca-file("${caFile}") peer-verify(yes)))`,
      document:
        `http(url("${plain.url}/elasticsearch/_bulk") method("POST") user("any") password("${plain.key}") ` +
        `headers("Content-Type: application/x-ndjson") body-suffix("\\n") delimiter("\\n") batch-lines(10) batch-timeout(100) ` +
        `body('{"create":{"_index":"drill"}}\n${document}'))`,
    };
    return `@version: 3.38
options { keep-hostname(yes); frac-digits(3); flush-lines(1); stats-freq(0); };
source s { network(ip("127.0.0.1") port(${port}) transport("tcp") flags(syslog-protocol)); };
${Object.entries(destinations)
  .map(
    ([prefix, destination]) =>
      `log { source(s); rewrite { set("${prefix}-$PROGRAM" value("PROGRAM")); }; ` +
      `destination { ${destination.replace(/\)$/, ` persist-name("${prefix}"))`)}; }; };`,
  )
  .join('\n')}
`;
  },
  command: ({ folder }, config, own) => [
    join(folder, 'usr/sbin/syslog-ng'),
    [
      '--foreground',
      '--no-caps',
      `--cfgfile=${config}`,
      ...['persist-file', 'pidfile', 'control'].map((name) => `--${name}=${join(own, name)}`),
      `--module-path=${join(folder, 'usr/lib/syslog-ng/3.38')}`,
    ],
  ],
};

/** The three messages that are sent, as each way must bring them. */
function expected(
  { prefix, kind, fractions }: Way,
  name: string,
  ms: number,
): Omit<Log, 'traceId' | 'format'>[] {
  const resource = { 'service.name': `${prefix}-${name}`, 'host.name': 'web1' };
  const own = (attributes: Record<string, unknown>) =>
    kind === 'document' ? { _index: 'drill' } : attributes;
  const at = kind === 'bsd' && !fractions ? Math.floor(ms / 1000) * 1000 : ms;
  const data = { msg_id: 'ID7', 'ex@32473.a': 'x "y"', 'ex@32473.b': 'é ] z', 'o@1.k': 'v' };
  return [
    {
      body: 'grüße "quoted" \\ back',
      level: kind === 'document' ? 'notice' : 'info',
      attributes: own({ facility: 'local4', proc_id: '42', ...(kind === 'modern' && data) }),
      resource,
      ms: at,
    },
    {
      body: 'plain error',
      level: 'error',
      attributes: own({ facility: 'user', proc_id: '7' }),
      resource,
      ms: at,
    },
  ];
}

export async function compareForwarders(cache: string, doors: SyslogDoors): Promise<Compared[]> {
  const out: Compared[] = [];
  for (const one of [rsyslog, syslogNg]) {
    const at = await debianPackages(join(cache, one.name), one.packages);
    out.push(...(await compareOne(one, at, doors)));
  }
  return out;
}

async function compareOne(one: Forwarder, at: Unpacked, doors: SyslogDoors): Promise<Compared[]> {
  const folder = await temporaryFolder();
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const config = join(folder, 'forwarder.conf');
  await writeFile(config, one.config(doors, port, folder));
  const [program, args] = one.command(at, config, folder);
  const child = spawn(program, args, { env: at.env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      if (said.length < 20_000) said += chunk.toString();
    });
  try {
    const socket = await eventually(
      () =>
        new Promise<ReturnType<typeof connect> | undefined>((done) => {
          const tried = connect(port, '127.0.0.1', () => done(tried));
          tried.on('error', () => done(undefined));
        }),
    ).catch(() => {
      throw new Error(`${one.name} does not listen: ${said.slice(0, 2000)}`);
    });
    const name = `${one.name}-app`;
    const ms = Date.now();
    const time = new Date(ms).toISOString();
    const data = String.raw`[ex@32473 a="x \"y\"" b="é \] z"][o@1 k="v"]`;
    socket.write(`<165>1 ${time} web1 ${name} 42 ID7 ${data} grüße "quoted" \\ back\n`);
    socket.end(`<11>1 ${time} web1 ${name} 7 - - plain error\n`);
    const results: Compared[] = [];
    for (const way of one.ways) {
      const wanted = expected(way, name, ms);
      const differences: string[] = [];
      try {
        const logs = await logsOf(way.tls ? doors.tls : doors.plain, `${way.prefix}-${name}`, wanted.length);
        assert.deepEqual(
          logs.map(({ body, level, attributes, resource, ms: when }) => ({
            body: body.trim(),
            level,
            attributes,
            resource,
            ms: when,
          })),
          [...wanted],
        );
      } catch (error) {
        differences.push(error instanceof Error ? error.message : String(error));
        const refused = await readFile(join(folder, 'errors'), 'utf8').catch(() => '');
        differences.push(`${said.slice(-1000)} ${refused.slice(0, 1000)}`.trim());
      }
      results.push({ told: `${one.name}, ${way.prefix}`, differences });
    }
    return results;
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await rm(folder, { recursive: true, force: true });
  }
}
