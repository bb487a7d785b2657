export interface TableColumn {
  readonly name: string;
  readonly align?: 'left' | 'right';
}

// Combining marks take no column; East Asian wide and emoji characters take two.
const zeroWidth = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u;

/** Columns that `text` takes on a terminal. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += zeroWidth.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return width;
}

/** Makes control characters visible, so that data can neither break the layout nor steer the terminal. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are the ones meant.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    if (character === '\r') return '\\r';
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function clip(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let out = '';
  let used = 0;
  for (const character of text) {
    const next = displayWidth(character);
    if (used + next > width - 1) break;
    out += character;
    used += next;
  }
  return `${out}…`;
}

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'right' ? space + text : text + space;
}

/** Shrinks the widest columns until all fit, none below `least`. */
function fit(widths: number[], total: number, least = 8): number[] {
  const out = [...widths];
  const gaps = (out.length - 1) * 2;
  let over = out.reduce((sum, width) => sum + width, gaps) - total;
  while (over > 0) {
    const widest = Math.max(...out);
    if (widest <= least) break;
    const at = out.indexOf(widest);
    const second = Math.max(least, ...out.filter((width) => width < widest));
    const cut = Math.min(over, Math.max(1, widest - second));
    out[at] = widest - cut;
    over -= cut;
  }
  return out;
}

/** Rows as aligned text under a header. `width`: columns of the terminal; undefined leaves cells whole. */
export function formatTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  width?: number,
): string {
  const cells = rows.map((row) => row.map(printable));
  const names = columns.map(({ name }) => printable(name));
  let widths = names.map((name, c) =>
    cells.reduce((most, row) => Math.max(most, displayWidth(row[c] ?? '')), displayWidth(name)),
  );
  if (width !== undefined) widths = fit(widths, width);
  const line = (row: readonly string[]) =>
    row
      .map((cell, c) => pad(clip(cell, widths[c] ?? 0), widths[c] ?? 0, columns[c]?.align ?? 'left'))
      .join('  ')
      .trimEnd();
  const rule = widths.map((columnWidth) => '─'.repeat(columnWidth)).join('  ');
  return [line(names), rule, ...cells.map(line)].map((text) => `${text}\n`).join('');
}

/** RFC 4180 with a header; NULL is an empty field, an empty text is quoted. */
export function formatCsv(names: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  const field = (value: string | null) => {
    if (value === null) return '';
    return value === '' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  };
  return [names, ...rows].map((row) => `${row.map(field).join(',')}\r\n`).join('');
}
