import { useEffect, useState } from 'preact/hooks';
import { cancelAll, usePendingSince } from '../api/pending';

const shownAfterMs = 400;
const tellAfterMs = 2000;

/** A line on top while queries run; after two seconds for how long, and a way to end them. */
export function Progress() {
  const since = usePendingSince();
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (since === null) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 200);
    return () => clearInterval(timer);
  }, [since]);
  if (since === null || now - since < shownAfterMs) return null;
  return (
    <>
      <div class="progress" />
      {now - since > tellAfterMs && (
        <div class="progress-note" role="status">
          Asking for {Math.round((now - since) / 1000)} s{' '}
          <button type="button" onClick={cancelAll}>
            Cancel
          </button>
        </div>
      )}
    </>
  );
}
