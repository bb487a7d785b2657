import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from './client';
import { finished, started } from './pending';

export interface QueryState<T> {
  /** Of the last answer, also while the next one is awaited. */
  readonly data: T | undefined;
  readonly error: ApiError | undefined;
  readonly loading: boolean;
  readonly retry: () => void;
}

const retryMs = 3000;

/**
 * Runs `ask` when `key` changes, and ends what still runs when it changes again or the component goes. `key` null
 * asks nothing. While the server is away it asks again by itself.
 */
export function useQuery<T>(key: string | null, ask: (signal: AbortSignal) => Promise<T>): QueryState<T> {
  const [state, setState] = useState<Omit<QueryState<T>, 'retry'>>({
    data: undefined,
    error: undefined,
    loading: key !== null,
  });
  const [attempt, setAttempt] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  const retry = useCallback(() => setAttempt((value) => value + 1), []);

  useEffect(() => {
    if (key === null) {
      setState({ data: undefined, error: undefined, loading: false });
      return;
    }
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const token = started(() => {
      controller.abort();
      setState((before) => ({ ...before, loading: false, error: new ApiError('query', 0, 'Cancelled.') }));
    });
    setState((before) => ({ ...before, loading: true }));
    latest
      .current(controller.signal)
      .then(
        (data) => {
          if (!controller.signal.aborted) setState({ data, error: undefined, loading: false });
        },
        (error: unknown) => {
          if (controller.signal.aborted) return;
          const known = error instanceof ApiError ? error : new ApiError('server', 0, String(error));
          setState((before) => ({ data: before.data, error: known, loading: false }));
          if (known.kind === 'network' || known.status === 503) timer = setTimeout(retry, retryMs);
        },
      )
      .finally(() => finished(token));
    return () => {
      controller.abort();
      finished(token);
      clearTimeout(timer);
    };
  }, [key, attempt, retry]);

  return { ...state, retry };
}
