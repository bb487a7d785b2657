const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `0.5s`, `1h30m`, `-5m` or plain seconds, in milliseconds. */
export function milliseconds(text: string): number {
  const [, sign, plain = ''] = /^(-?)(.*)$/.exec(text) ?? [];
  const direction = sign === '-' ? -1 : 1;
  if (/^[\d.]+$/.test(plain)) return direction * Number(plain) * 1000;
  if (!/^([\d.]+(ms|[smhd]))+$/.test(plain)) throw new Error(`${text} is no duration`);
  let sum = 0;
  for (const [, number, unit = ''] of plain.matchAll(/([\d.]+)(ms|[smhd])/g))
    sum += Number(number) * (units[unit] ?? 0);
  return direction * sum;
}
