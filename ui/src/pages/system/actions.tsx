import { useEffect, useRef } from 'preact/hooks';
import { actions, type Action } from './action';
import { OutcomeView } from './outcome';
import type { Acting } from './use-actions';

/** What the admin API does, by buttons; what deletes shows first what it would. */
export function Actions({ busy, outcome, begin, go, leave }: Acting) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (outcome) box.current?.scrollIntoView({ block: 'nearest' });
  }, [outcome]);
  return (
    <section class="card" aria-labelledby="actions">
      <h2 id="actions">Actions</h2>
      <ul class="actions">
        {actions.map((action: Action) => (
          <li key={action.title}>
            <button type="button" disabled={busy !== ''} onClick={() => begin(action)}>
              {busy === action.title ? `${action.title}…` : action.title}
            </button>
            <span class="faint">{action.says}</span>
          </li>
        ))}
      </ul>
      {outcome && (
        <div class="outcome" role="status" ref={box}>
          <h3 class={outcome.failed ? 'bad-text' : ''}>{outcome.title}</h3>
          {outcome.failed ? <p>{outcome.message}</p> : <OutcomeView answer={outcome.answer} />}
          {outcome.next && (
            <div class="row">
              <button
                type="button"
                class="bad-button"
                disabled={busy !== ''}
                onClick={() => outcome.next && go(outcome.next)}
              >
                Do it: {outcome.next.title}
              </button>
              <button type="button" onClick={leave}>
                Leave it
              </button>
            </div>
          )}
        </div>
      )}
    </section>
  );
}
