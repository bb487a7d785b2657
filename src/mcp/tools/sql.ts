import { z } from 'zod';
import { views } from '../../lake/views.js';
import { tables } from '../../schema/index.js';
import { AnswerText, oneLine } from '../text.js';
import { tool } from '../tool.js';

export const sql = tool({
  name: 'sql',
  title: 'SQL',
  description:
    'Runs one read-only SELECT in DuckDB SQL on the lake, for questions that the query languages cannot answer. `schema` tells tables and columns. Always bound `timestamp`: rows of other days are then not read.',
  input: z.object({
    sql: z.string().min(1).max(100_000),
    max_rows: z.number().int().min(1).max(1000).optional().describe('Default 100'),
  }),
  async run(source, input, signal) {
    const { columns, rows, truncated } = await source.sql(input.sql, input.max_rows ?? 100, signal);
    const out = new AnswerText();
    out.add(columns.map(({ name }) => name).join(' | '));
    for (const row of rows) out.add(row.map(cell).join(' | '));
    out.add(`(${rows.length} rows${truncated ? ', more were cut off' : ''})`);
    return out.finish('select fewer columns or rows, or aggregate');
  },
});

function cell(value: unknown): string {
  if (value === null) return 'NULL';
  return oneLine(typeof value === 'string' ? value : JSON.stringify(value), 500);
}

const notes = [
  'Tables are lake.main.NAME (NAME alone works too). timestamp is UTC; *_unix_nano are nanoseconds since 1970.',
  'Attributes are JSON text: json_extract_string(span_attributes, \'$."http.route"\'). Durations: duration_nano.',
  'span_kind: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. status_code: 2 is a failure.',
  'Views for people: v_logs (level in words), v_spans (kind, status, duration_ms, is_error), v_traces, v_metrics, v_histograms, v_errors, v_services.',
];

export const schema = tool({
  name: 'schema',
  title: 'Tables and columns',
  description: 'Tables, views and columns for `sql`; without `table` an overview, with it the columns.',
  input: z.object({ table: z.string().max(100).optional().describe('A table or view') }),
  async run(source, input, signal) {
    const out = new AnswerText();
    const name = input.table?.replace(/^lake\.(main\.)?/, '');
    if (name === undefined) {
      for (const { name: table, columns } of tables) {
        out.add(`${table}: ${columns.map((column) => column.name).join(', ')}`);
      }
      out.add(`views: ${views.map((view) => view.name).join(', ')}`);
      for (const note of notes) out.add(note);
      return out.finish('ask for one table');
    }
    const table = tables.find((one) => one.name === name);
    if (table) {
      for (const { name: column, type } of table.columns) out.add(`${column} ${type}`);
      return out.finish('');
    }
    if (!views.some((view) => view.name === name)) {
      const known = [...tables, ...views].map((one) => one.name).join(', ');
      return `No table or view ${JSON.stringify(name)}. There are: ${known}`;
    }
    const { rows } = await source.sql(`DESCRIBE ${name}`, 200, signal);
    for (const row of rows) out.add(`${String(row[0])} ${String(row[1])}`);
    return out.finish('');
  },
});
