import type { MigrateReport, RebuildReport, RestoreReport, VerifyOutcome } from '../recovery/index.js';
import { damageCure } from '../lake/files/damaged.js';
import type { ForgetResult, RetentionResult } from '../lake/types.js';
import type { BackupAnswer, ClockAnswer, StatusAnswer } from './catalog.js';
import { formatTable } from './table.js';

const right = 'right' as const;

function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  while (value >= 1024 && at < units.length - 1) [value, at] = [value / 1024, at + 1];
  return `${at === 0 ? value : value.toFixed(1)} ${units[at]}`;
}

function age(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

function tableOf(tables: StatusAnswer['tables']): string {
  const used = tables.filter(({ rows, files }) => rows > 0 || files > 0);
  if (used.length === 0) return 'no table has rows\n';
  return formatTable(
    [
      { name: 'table' },
      { name: 'rows', align: right },
      { name: 'of them in the catalog', align: right },
      { name: 'files', align: right },
      { name: 'size', align: right },
    ],
    used.map((each) => [
      each.table,
      String(each.rows),
      String(each.inlinedRows),
      String(each.files),
      bytes(each.bytes),
    ]),
  );
}

export function statusText(status: StatusAnswer): string {
  const { lease, lastBackup, lastCheckpoint } = status;
  const held = lease === null ? null : `${lease.holder}, epoch ${lease.epoch}`;
  const lines = [
    `catalog       ${status.catalog} (${status.kind}, DuckLake ${status.ducklakeVersion})`,
    `data          ${status.dataPath}`,
    ...(lease === null || held === null
      ? []
      : [`lease         ${held}${lease.released ? ', released' : `, until ${lease.expiresAt}`}`]),
    `snapshot      ${status.snapshotId}`,
    `files         ${status.files}, ${bytes(status.bytes)}`,
    `last backup   ${lastBackup === null ? 'none' : `${lastBackup.path}, ${age(lastBackup.ageSeconds)} ago, snapshot ${lastBackup.snapshotId}, ${bytes(lastBackup.bytes)}`}`,
    `checkpoint    ${lastCheckpoint === null ? 'none by this process' : `${lastCheckpoint.status} at ${lastCheckpoint.at}`}`,
  ];
  return `${lines.join('\n')}\n\n${tableOf(status.tables)}`;
}

export function backupText({ path, manifest, milliseconds, removed }: BackupAnswer): string {
  const old = removed.length === 0 ? '' : `removed ${removed.length} older\n`;
  return (
    `backed up snapshot ${manifest.snapshotId} to ${path} (${bytes(manifest.file.bytes)}, ` +
    `${Math.round(milliseconds)} ms)\nSHA-256 ${manifest.file.sha256}\n${old}`
  );
}

const meaning: Readonly<Record<VerifyOutcome['orphans'][number]['state'], string>> = {
  young: 'left alone: too young',
  copies: 'the lake has all of its rows',
  expired: 'past retention',
  rows: 'HOLDS ROWS THAT THE LAKE DOES NOT HAVE',
  damaged: 'no whole Parquet file',
  deletes: 'deletions of a former catalog',
  derived: "of a former catalog's own tables",
  temporary: 'half of a write',
  aside: 'a damaged file that was set aside',
  foreign: 'not of canardstack',
};

const problems: Readonly<Record<VerifyOutcome['damaged'][number]['problem'], string>> = {
  missing: 'MISSING',
  size: 'wrong size',
  checksum: 'WRONG BYTES',
  unreadable: 'UNREADABLE',
};

export function verifyText(
  report: Omit<VerifyOutcome, 'removed' | 'damagedBackups'> &
    Partial<Pick<VerifyOutcome, 'removed' | 'damagedBackups'>>,
): string {
  const { damaged, orphans, removed = [] } = report;
  let text = `snapshot ${report.snapshotId}: ${report.knownFiles} files, ${bytes(report.knownBytes)}\n`;
  for (const { key, problem, expectedBytes, foundBytes } of damaged) {
    const size = problem === 'size' ? `: ${foundBytes} bytes instead of ${expectedBytes}` : '';
    text += `${problems[problem]}  ${key}${size}\n`;
  }
  for (const { path, problem } of report.damagedBackups ?? []) text += `BACKUP  ${path}: ${problem}\n`;
  if (report.deep !== null) {
    const { files, bytes: read, withoutChecksum } = report.deep;
    text += `read ${files} files, ${bytes(read)}`;
    text += withoutChecksum === 0 ? '\n' : `; of ${withoutChecksum} no checksum is known yet\n`;
  }
  if (damaged.length > 0) text += `To go on: ${damageCure}.\n`;
  if (orphans.length > 0) {
    const gone = new Set(removed);
    text += formatTable(
      [
        { name: 'unknown file' },
        { name: 'size', align: right },
        { name: 'age', align: right },
        { name: 'rows to import', align: right },
        { name: 'what it is' },
      ],
      orphans.map((each) => [
        each.key,
        bytes(each.bytes),
        age(each.ageSeconds),
        each.missingRows > 0 ? String(each.missingRows) : '',
        gone.has(each.key) ? `removed: ${meaning[each.state]}` : meaning[each.state],
      ]),
    );
  }
  if (orphans.some(({ state }) => state === 'rows')) {
    text +=
      'Unknown rows are kept. With the server stopped, "canardstack catalog restore --adopt --force" from a fresh backup takes them in.\n';
  }
  return `${text}${report.ok ? 'the catalog and its files agree\n' : 'the catalog and its files do not agree\n'}`;
}

function importedText(report: NonNullable<RestoreReport['imported']>): string {
  const rows = Object.entries(report.rows).map(([table, count]) => `${count} rows of ${table}`);
  const lines = [
    `imported ${report.added} files (${rows.join(', ') || 'no rows'})`,
    `left out ${report.copies} files whose rows were there already`,
  ];
  if (report.partly > 0) lines.push(`inserted the missing rows of ${report.partly} files`);
  if (report.rewritten > 0) lines.push(`wrote ${report.rewritten} files anew`);
  if (report.forgotten.length > 0) lines.push(`forgot ${report.forgotten.length} files that are gone`);
  if (report.leftToSpool.length > 0)
    lines.push(
      `left ${report.leftToSpool.length} files of unfinished commits to the spool, which brings their rows`,
    );
  for (const key of report.damaged) lines.push(`damaged, left out: ${key}`);
  for (const { key, error } of report.failed) lines.push(`FAILED: ${key}: ${error}`);
  for (const [stream, position] of Object.entries(report.watermarks)) {
    lines.push(`stream ${stream} goes on at ${position}`);
  }
  return `${lines.join('\n')}\n`;
}

export function rebuildText(report: RebuildReport): string {
  const replaced = report.replaced === null ? '' : `the former catalog is ${report.replaced}\n`;
  const unknown = report.notKnown.map((line) => `- ${line}\n`).join('');
  const head = report.dryRun ? 'dry run: nothing was changed\n' : 'the catalog is rebuilt\n';
  return `${head}${replaced}${importedText(report)}${tableOf(report.tables)}What could not be known:\n${unknown}`;
}

export function restoreText(report: RestoreReport): string {
  const head = report.dryRun ? 'dry run: nothing was changed; would restore' : 'restored';
  const replaced = report.replaced === null ? '' : `the former catalog is ${report.replaced}\n`;
  return (
    `${head} ${report.backup} of ${report.manifest.createdAt}\n${replaced}` +
    `${report.imported === null ? '' : importedText(report.imported)}${tableOf(report.tables)}${verifyText(report.verified)}`
  );
}

export function migrateText(report: MigrateReport): string {
  const head = report.dryRun ? 'dry run: would copy' : 'copied and compared';
  const next = report.dryRun
    ? ''
    : 'The original is unchanged. Change the settings of every node to the copy before any of them starts.\n';
  return `${head} ${report.from} to ${report.to}, snapshot ${report.snapshotId}\n${tableOf(report.tables)}${next}`;
}

export function forgetText({ dryRun, files, refused }: ForgetResult): string {
  const done = !dryRun && refused.length === 0;
  const table = formatTable(
    [
      { name: 'file' },
      { name: 'table' },
      { name: 'rows', align: right },
      { name: 'from' },
      { name: 'to' },
      { name: 'what is wrong' },
    ],
    files.map((each) => [
      each.key,
      each.table,
      each.kind === 'delete' ? `${each.rows} deleted ones come back` : String(each.rows),
      each.from ?? '',
      each.to ?? '',
      problems[each.problem],
    ]),
  );
  const rows = files.reduce((sum, each) => sum + (each.kind === 'delete' ? 0 : each.rows), 0);
  const verb = done ? 'given up' : 'would be given up';
  const no = refused.map(({ path, reason }) => `refused  ${path}: ${reason}\n`).join('');
  const nothing = refused.length > 0 ? 'nothing was changed\n' : '';
  return `${files.length > 0 ? table : ''}${no}${rows} rows ${verb}\n${nothing}`;
}

export function retentionText(result: RetentionResult): string {
  const { days, share, held, cutoff, status, error } = result;
  if (status !== 'ok' && status !== 'held') return `retention did not run: ${error ?? status}\n`;
  const rows = days.reduce((sum, day) => sum + day.rows, 0);
  const size = bytes(days.reduce((sum, day) => sum + day.bytes, 0));
  const verb = result.dryRun || held !== null ? 'would be deleted' : 'deleted';
  const lines = [
    `${rows} rows (${size}) from before ${cutoff.slice(0, 10)} ${verb}: ${(share * 100).toFixed(1)} % of the lake`,
  ];
  const columns = [
    { name: 'table' },
    { name: 'day' },
    { name: 'rows', align: right },
    { name: 'files', align: right },
    { name: 'size', align: right },
  ];
  const cells = days.map((day) => [
    day.table,
    day.day,
    String(day.rows),
    String(day.files),
    bytes(day.bytes),
  ]);
  if (days.length > 0) lines.push('', formatTable(columns, cells).trimEnd());
  if (held !== null) lines.push('', `it waits: ${held.reason}`, held.how);
  return `${lines.join('\n')}\n`;
}

export function clockText({ wall, lake, offsetSeconds, contradiction }: ClockAnswer): string {
  const lines = [`wall clock   ${wall}`, `lake's time  ${lake} (${offsetSeconds} s apart)`];
  if (contradiction !== null) lines.push(contradiction.reason, contradiction.cure);
  return `${lines.join('\n')}\n`;
}
