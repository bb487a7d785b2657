/** OTLP's severity numbers of syslog's severities, emergency to debug. */
const numbers = [21, 19, 18, 17, 13, 10, 9, 5];
const names = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'info', 'debug'];

/** The severity of a priority, whose facility does not matter; null when there is none. */
export function syslogSeverity(priority: string | undefined): { number: number; text: string } | null {
  if (priority === undefined || !/^\d{1,3}$/.test(priority)) return null;
  const severity = Number(priority) & 7;
  return { number: numbers[severity] ?? 9, text: names[severity] ?? 'info' };
}
