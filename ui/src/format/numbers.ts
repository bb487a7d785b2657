function trimmed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return digits === 0 ? text : text.replace(/\.?0+$/, '');
}

/** Three digits that say something: 1234567 is `1.23 M`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : value > 0 ? '∞' : '-∞';
  const size = Math.abs(value);
  for (const [bound, unit] of [
    [1e12, ' T'],
    [1e9, ' G'],
    [1e6, ' M'],
    [1e4, ' k'],
  ] as const) {
    if (size >= bound)
      return `${trimmed(value / (unit === ' k' ? 1e3 : bound), size / bound >= 100 ? 0 : 1)}${unit}`;
  }
  if (size >= 100 || Number.isInteger(value)) return trimmed(value, 0);
  if (size >= 1) return trimmed(value, 2);
  return size === 0 ? '0' : size < 0.001 ? value.toExponential(1) : trimmed(value, 3);
}

/** Of something per second, in the unit in which one can picture it: 0.00028 is `1/h`. */
export function formatRate(perSecond: number): string {
  const size = Math.abs(perSecond);
  if (!Number.isFinite(perSecond) || size === 0 || size >= 0.1) return `${formatNumber(perSecond)}/s`;
  if (size >= 0.1 / 60) return `${formatNumber(perSecond * 60)}/min`;
  return `${formatNumber(perSecond * 3600)}/h`;
}

/** `1 service`, `2 services`. */
export function counted(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
}

/** Of seconds: `850 µs`, `12 ms`, `1.2 s`, `3 min 20 s`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const size = Math.abs(seconds);
  if (size === 0) return '0';
  if (size < 1e-6) return `${trimmed(seconds * 1e9, 0)} ns`;
  if (size < 1e-3) return `${trimmed(seconds * 1e6, size < 1e-5 ? 1 : 0)} µs`;
  if (size < 1) return `${trimmed(seconds * 1e3, size < 0.01 ? 2 : size < 0.1 ? 1 : 0)} ms`;
  if (size < 60) return `${trimmed(seconds, 2)} s`;
  if (size < 3600) return `${Math.floor(size / 60)} min ${Math.round(size % 60)} s`;
  if (size < 86_400) return `${Math.floor(size / 3600)} h ${Math.round((size % 3600) / 60)} min`;
  return `${Math.floor(size / 86_400)} d ${Math.round((size % 86_400) / 3600)} h`;
}

export function formatPercent(fraction: number): string {
  if (!Number.isFinite(fraction)) return '–';
  if (fraction === 0) return '0 %';
  const percent = fraction * 100;
  return `${percent < 0.1 ? '< 0.1' : trimmed(percent, percent < 10 ? 1 : 0)} %`;
}

/** `12 s ago`. */
export function formatAgo(ms: number, nowMs: number): string {
  const seconds = Math.max(0, (nowMs - ms) / 1000);
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  let value = bytes;
  while (Math.abs(value) >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${trimmed(value, value >= 100 || at === 0 ? 0 : 1)} ${units[at] ?? ''}`;
}
