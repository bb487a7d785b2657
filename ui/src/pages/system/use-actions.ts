import { useState } from 'preact/hooks';
import { ApiError, getJson, sendJson } from '../../api/client';
import { agreed, type Action } from './action';

interface Outcome {
  readonly title: string;
  readonly failed: boolean;
  readonly message: string;
  readonly answer: unknown;
  /** To be done once agreed. */
  readonly next?: Action;
}

export interface Acting {
  /** The title of what is being done; empty when nothing is. */
  readonly busy: string;
  readonly outcome: Outcome | undefined;
  /** Does it, or shows first what it would do where it can tell. */
  readonly begin: (action: Action) => void;
  /** Does it. */
  readonly go: (action: Action) => void;
  readonly leave: () => void;
}

/** `done` is called after each answer. */
export function useActions(done: () => void): Acting {
  const [busy, setBusy] = useState('');
  const [outcome, setOutcome] = useState<Outcome>();
  const call = async (action: Action, dry: boolean) => {
    setBusy(action.title);
    const { path, body, method = 'POST' } = dry && action.dryRun ? action.dryRun : action;
    try {
      const answer =
        method === 'GET' ? await getJson<unknown>(path) : await sendJson<unknown>('POST', path, body);
      setOutcome({
        title: dry ? `${action.title} would do this` : `${action.title}: done`,
        failed: false,
        message: '',
        answer,
        ...(dry ? { next: agreed(action, answer) } : {}),
      });
    } catch (error) {
      const message = error instanceof ApiError ? error.message : String(error);
      setOutcome({ title: `${action.title}: not done`, failed: true, message, answer: null });
    } finally {
      setBusy('');
      done();
    }
  };
  return {
    busy,
    outcome,
    begin: (action) => void call(action, action.dryRun !== undefined),
    go: (action) => void call(action, false),
    leave: () => setOutcome(undefined),
  };
}
