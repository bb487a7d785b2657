const decimal = '([0-9]+(?:\\.[0-9]+)?)';

const sizeUnits: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  ti: 1024 ** 4,
};

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Bytes of `4096`, `64k`, `1GB` (SI, powers of 1000) or `512MiB` (IEC, powers of 1024); null when it is no size. */
export function parseSize(text: string): number | null {
  const match = new RegExp(`^${decimal}\\s*([kmgt]?i?)b?$`, 'i').exec(text.trim());
  const unit = sizeUnits[(match?.[2] ?? '').toLowerCase()];
  if (!match || unit === undefined) return null;
  const bytes = Number(match[1]) * unit;
  return unit === 1 ? bytes : Math.round(bytes);
}

/** `90`, `30s`, `5m`, `1h`, `500ms` in units of `unitMs` milliseconds; null when it is no duration. */
export function parseDuration(text: string, unitMs: number): number | null {
  const match = new RegExp(`^${decimal}\\s*(ms|s|m|h|d)?$`).exec(text.trim());
  if (!match) return null;
  const value = Number(match[1]);
  const unit = match[2];
  return unit === undefined ? value : (value * (durationUnits[unit] ?? 1)) / unitMs;
}

/** Bytes for people: `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let at = 0;
  while (Math.abs(value) >= 1024 && at < units.length - 1) {
    value /= 1024;
    at++;
  }
  return `${at === 0 || Math.abs(value) >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${units[at] ?? ''}`;
}
