import { createContext, type ComponentChildren } from 'preact';
import { useContext, useEffect, useMemo, useState } from 'preact/hooks';
import { setParams, useLocation } from './location';
import { parseDuration, parseTime } from './time';

export interface Range {
  /** As in the address: `now-1h`, milliseconds. */
  readonly from: string;
  readonly to: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Milliseconds between refreshes; 0 when there are none. */
  readonly refreshMs: number;
  readonly utc: boolean;
  /** Looks again, up to the present. */
  readonly refresh: () => void;
}

const defaultFrom = 'now-1h';
const defaultTo = 'now';

const RangeContext = createContext<Range | null>(null);

/** Resolves the address's time range, again with each refresh. */
export function RangeProvider({ children }: { readonly children: ComponentChildren }) {
  const { params } = useLocation();
  const from = params.get('from') ?? defaultFrom;
  const to = params.get('to') ?? defaultTo;
  const utc = params.get('tz') === 'utc';
  const refreshMs = Math.max(0, parseDuration(params.get('refresh') ?? '') ?? 0);
  const [tick, setTick] = useState(0);

  useEffect(() => {
    if (refreshMs < 1000) return;
    const timer = setInterval(() => {
      if (!document.hidden) setTick((value) => value + 1);
    }, refreshMs);
    return () => clearInterval(timer);
  }, [refreshMs]);

  const range = useMemo((): Range => {
    const now = Date.now();
    const end = parseTime(to, now, utc) ?? now;
    const start = parseTime(from, now, utc) ?? end - 3_600_000;
    return {
      from,
      to,
      startMs: Math.min(start, end - 1000),
      endMs: end,
      refreshMs,
      utc,
      refresh: () => setTick((value) => value + 1),
    };
    // A refresh resolves `now` anew.
  }, [from, to, utc, refreshMs, tick]);
  return <RangeContext.Provider value={range}>{children}</RangeContext.Provider>;
}

export function useRange(): Range {
  const range = useContext(RangeContext);
  if (range === null) throw new Error('outside of RangeProvider');
  return range;
}

export function setRange(from: string | number, to: string | number): void {
  const text = (value: string | number) => (typeof value === 'number' ? String(Math.round(value)) : value);
  const isDefault = from === defaultFrom && to === defaultTo;
  setParams({ from: isDefault ? null : text(from), to: isDefault || to === defaultTo ? null : text(to) });
}
