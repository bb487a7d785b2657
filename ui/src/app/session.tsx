import { createContext, type ComponentChildren } from 'preact';
import { useCallback, useContext, useEffect, useState } from 'preact/hooks';
import { whenSignInNeeded } from '../api/client';
import { readSession, signOut, type Session } from '../api/session';
import { useQuery } from '../api/use-query';
import { SignIn } from './sign-in';
import { Loading, ErrorBox } from './states';

interface Access {
  readonly session: Session;
  /** Whether the admin API answers. */
  readonly admin: boolean;
  readonly leave: () => void;
  readonly became: (session: Session) => void;
}

const AccessContext = createContext<Access | null>(null);

export function useAccess(): Access {
  const access = useContext(AccessContext);
  if (access === null) throw new Error('outside of SessionGate');
  return access;
}

/** Shows the pages to who may see them, and else the sign-in. */
export function SessionGate({ children }: { readonly children: ComponentChildren }) {
  const first = useQuery('session', readSession);
  const [later, setLater] = useState<Session>();
  const session = later ?? first.data;
  useEffect(
    () =>
      whenSignInNeeded(() => {
        void readSession().then(setLater, () => undefined);
      }),
    [],
  );
  const leave = useCallback(() => void signOut().then(setLater, () => undefined), []);
  if (!session) return first.error ? <ErrorBox error={first.error} retry={first.retry} /> : <Loading />;
  const { keyNeeded, role } = session;
  if (keyNeeded.query && role === null) {
    return <SignIn why="This server asks for a key." signedIn={setLater} />;
  }
  const admin = role === 'admin' || !keyNeeded.admin;
  return (
    <AccessContext.Provider value={{ session, admin, leave, became: setLater }}>
      {children}
    </AccessContext.Provider>
  );
}

/** For pages that use the admin API. */
export function AdminOnly({ children }: { readonly children: ComponentChildren }) {
  const { admin, became } = useAccess();
  return admin ? <>{children}</> : <SignIn why="This page needs the admin key." signedIn={became} />;
}
