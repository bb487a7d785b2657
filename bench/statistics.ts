/** The value below which `share` (0 to 1) of the values lie; NaN without values. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
}

export function table(rows: readonly (readonly (string | number)[])[]): string {
  const text = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? (Number.isFinite(cell) ? cell.toFixed(1) : '-') : cell)),
  );
  const widths = (text[0] ?? []).map((_, c) => Math.max(...text.map((row) => row[c]?.length ?? 0)));
  return text
    .map((row) =>
      row
        .map((cell, c) => (c === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[c] ?? 0)))
        .join('  '),
    )
    .join('\n');
}

/** Least-squares slope of `y` over `x`. */
export function slope(points: readonly { x: number; y: number }[]): number {
  const n = points.length;
  const mx = points.reduce((sum, p) => sum + p.x, 0) / n;
  const my = points.reduce((sum, p) => sum + p.y, 0) / n;
  const over = points.reduce((sum, p) => sum + (p.x - mx) * (p.y - my), 0);
  const under = points.reduce((sum, p) => sum + (p.x - mx) ** 2, 0);
  return under === 0 ? 0 : over / under;
}
