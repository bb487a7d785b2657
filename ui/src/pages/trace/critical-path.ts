import type { Span } from '../../api/trace';

export interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * What the trace's end waited for, by span: walking back from the end of a span, the child that ended last before that
 * time is on the path, and so on; the rest is the span's own.
 */
export function criticalPath(spans: readonly Span[]): ReadonlyMap<string, readonly Stretch[]> {
  const path = new Map<string, Stretch[]>();
  const own = (span: Span, fromMs: number, toMs: number) => {
    if (toMs - fromMs <= 0) return;
    const stretches = path.get(span.id) ?? [];
    path.set(span.id, stretches);
    stretches.push({ fromMs, toMs });
  };
  const [root] = spans;
  const work: { span: Span; untilMs: number }[] = root ? [{ span: root, untilMs: root.endMs }] : [];
  for (let next = work.pop(); next; next = work.pop()) {
    const { span } = next;
    let cursor = Math.min(next.untilMs, span.endMs);
    // What goes on after its parent ended was not waited for.
    const children = span.children
      .filter(({ startMs }) => startMs < cursor)
      .sort((a, b) => b.endMs - a.endMs);
    for (const child of children) {
      if (child.endMs > cursor || child.startMs < span.startMs) continue;
      own(span, child.endMs, cursor);
      work.push({ span: child, untilMs: child.endMs });
      cursor = child.startMs;
    }
    own(span, span.startMs, cursor);
  }
  return path;
}
