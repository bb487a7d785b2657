import { getJson, sendJson, setToken } from './client';

export interface Session {
  readonly keyNeeded: { readonly query: boolean; readonly admin: boolean };
  readonly role: 'query' | 'admin' | null;
  readonly csrf: string | null;
}

function kept(session: Session): Session {
  setToken(session.csrf);
  return session;
}

export async function readSession(): Promise<Session> {
  return kept(await getJson<Session>('/ui/session'));
}

export async function signIn(key: string): Promise<Session> {
  return kept(await sendJson<Session>('POST', '/ui/session', { key }));
}

export async function signOut(): Promise<Session> {
  return kept(await sendJson<Session>('DELETE', '/ui/session'));
}
