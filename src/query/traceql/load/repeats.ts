/**
 * What makes two spans of one trace the same, as in Tempo: their id and kind. Client and server may share an id
 * (Zipkin).
 */
export function spanKey(spanId: string, kind: number): string {
  return `${spanId} ${kind}`;
}

/** A sender that retries after a lost answer sends a span again; the first of each key stays. */
export function withoutRepeats<T>(spans: readonly T[], key: (span: T) => string): T[] {
  const seen = new Set<string>();
  return spans.filter((span) => {
    const own = key(span);
    if (seen.has(own)) return false;
    seen.add(own);
    return true;
  });
}
