import { useEffect, useRef, useState } from 'preact/hooks';
import { logLines, type LogRow } from '../../api/loki';
import { rowKey } from './load';

const everyMs = 2000;
const keptLines = 10_000;
/** Lines are committed a while after they were made; this far back they are looked for. */
const lateMs = 10_000;

interface Live {
  readonly rows: readonly LogRow[];
  readonly problem: string;
}

/** Lines as they come, newest first, while `on`; the latest ten thousand. */
export function useLive(query: string, on: boolean): Live {
  const [live, setLive] = useState<Live>({ rows: [], problem: '' });
  const rows = useRef<readonly LogRow[]>([]);
  useEffect(() => {
    rows.current = [];
    setLive({ rows: [], problem: '' });
    if (!on) return;
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let sinceMs = Date.now() - 60_000;
    const ask = async () => {
      try {
        const endMs = Date.now();
        const found = await logLines(query, { startMs: sinceMs, endMs }, 5000, controller.signal);
        const recent = rows.current.filter(({ ms }) => ms >= sinceMs);
        const seen = new Set(recent.map(rowKey));
        const fresh = found.filter((row) => !seen.has(rowKey(row)));
        if (fresh.length > 0) {
          rows.current = [...fresh, ...rows.current].slice(0, keptLines);
          setLive({ rows: rows.current, problem: '' });
        }
        sinceMs = endMs - lateMs;
      } catch (error) {
        if (controller.signal.aborted) return;
        setLive({ rows: rows.current, problem: error instanceof Error ? error.message : String(error) });
      }
      timer = setTimeout(() => void ask(), everyMs);
    };
    void ask();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [query, on]);
  return live;
}
