import { useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import { signIn, type Session } from '../api/session';

interface Props {
  readonly why: string;
  readonly signedIn: (session: Session) => void;
}

export function SignIn({ why, signedIn }: Props) {
  const [key, setKey] = useState('');
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem('');
    try {
      signedIn(await signIn(key.trim()));
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class="sign-in" onSubmit={(event) => void submit(event)}>
      <h1>Sign in</h1>
      <p>{why}</p>
      <label>
        API key
        <input
          type="password"
          name="key"
          autocomplete="current-password"
          required
          autofocus
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </label>
      {problem !== '' && (
        <p class="bad-text" role="alert">
          {problem}
        </p>
      )}
      <button type="submit" class="primary" disabled={busy || key.trim() === ''}>
        Sign in
      </button>
      <p class="faint">
        The key is what the server was started with: CANARDSTACK_API_KEY, or CANARDSTACK_ADMIN_API_KEY for
        administration too.
      </p>
    </form>
  );
}
