import type { Explanation } from './explanation.js';

type Step = Explanation['steps'][number];
type Amounts = Pick<Explanation, 'files' | 'rowGroups' | 'bytes' | 'rowsInGroups'>;

/** For people, in the order of time. */
export function explanationText(explanation: Explanation): string {
  const { language, endpoint, totalMs, ms, statements, rows, steps, stepsLeftOut } = explanation;
  const lines = [
    `${language} ${endpoint}: ${totalMs} ms, ${statements} statements, ${rows} rows`,
    `parse ${ms.parse} ms, plan ${ms.plan} ms, statements ${ms.statements} ms, evaluate ${ms.evaluate} ms, render ${ms.render} ms, explain ${ms.explain} ms`,
    amounts(explanation),
    ...steps.flatMap((step, i) => ['', ...stepLines(step, i + 1)]),
    ...(stepsLeftOut === undefined ? [] : ['', `${stepsLeftOut} more steps`]),
  ];
  return `${lines.join('\n')}\n`;
}

function stepLines(step: Step, number: number): string[] {
  const head = `${number}. at ${step.startMs} ms, ${step.ms} ms`;
  if (step.step === 'memory') return [`${head}: ${step.text}`];
  const { sql, parameters, rows, stopped, duckdb, scans } = step;
  const inside =
    duckdb === 'unknown'
      ? 'of DuckDB nothing is known'
      : `DuckDB ${duckdb.ms} ms (planning ${duckdb.planMs} ms, all threads ${duckdb.cpuMs} ms)`;
  return [
    `${head}: ${rows} rows${stopped ? ', stopped when enough was known' : ''}; ${inside}`,
    `   ${sql}`,
    ...(parameters.length === 0 ? [] : [`   parameters: ${parameters.join(', ')}`]),
    ...(scans === 'unknown' ? [] : scans).map(({ kind, of, filters, rows: given, ...read }) => {
      const where = filters === undefined ? '' : `, where ${filters}`;
      const from = kind === 'memory' ? `${of} (in memory)` : of;
      const { files, rowGroups, bytes, rowsInGroups } = read;
      const known = files && rowGroups && bytes !== undefined && rowsInGroups !== undefined;
      return `   scan of ${from}: ${given} rows${where}${known ? `; ${amounts({ files, rowGroups, bytes, rowsInGroups })}` : ''}`;
    }),
  ];
}

function amounts({ files, rowGroups, bytes, rowsInGroups }: Amounts): string {
  return (
    `files: ${files.read} read, ${files.skipped} skipped; row groups: ${rowGroups.read} read, ${rowGroups.skipped} skipped; ` +
    `${bytes} bytes, ${rowsInGroups} rows in them`
  );
}
