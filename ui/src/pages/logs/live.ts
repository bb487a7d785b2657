import { useEffect, useRef, useState } from 'preact/hooks';
import type { LogRow } from '../../api/loki';
import { tail } from '../../api/tail';

const keptLines = 10_000;

interface Live {
  readonly rows: readonly LogRow[];
  /** Lines that came while it is held. */
  readonly held: number;
  /** Lines that the server left out: they came faster than they were taken. */
  readonly dropped: number;
  /** Lines that came and are no longer kept. */
  readonly passed: number;
  readonly problem: string;
}

const nothing: Live = { rows: [], held: 0, dropped: 0, passed: 0, problem: '' };

/** Lines as they come, newest first, while `on`; the latest ten thousand. What comes while `paused` is shown after it. */
export function useLive(query: string, on: boolean, paused: boolean): Live {
  const [live, setLive] = useState<Live>(nothing);
  const isPaused = useRef(paused);
  const waiting = useRef<readonly LogRow[]>([]);
  isPaused.current = paused;

  useEffect(() => {
    waiting.current = [];
    setLive(nothing);
    if (!on) return;
    return tail(query, {
      came: (rows, dropped) => {
        const hold = isPaused.current;
        const fresh = [...rows, ...waiting.current].slice(0, keptLines);
        waiting.current = hold ? fresh : [];
        setLive((before) => {
          if (hold) return { ...before, held: fresh.length, dropped: before.dropped + dropped };
          const all = [...fresh, ...before.rows];
          return {
            ...before,
            rows: all.slice(0, keptLines),
            held: 0,
            dropped: before.dropped + dropped,
            passed: before.passed + Math.max(0, all.length - keptLines),
          };
        });
      },
      problem: (problem) => setLive((before) => ({ ...before, problem })),
    });
  }, [query, on]);

  useEffect(() => {
    if (paused || waiting.current.length === 0) return;
    const fresh = waiting.current;
    waiting.current = [];
    setLive((before) => ({ ...before, rows: [...fresh, ...before.rows].slice(0, keptLines), held: 0 }));
  }, [paused]);
  return live;
}
