/** What the tunnel's thread is started with. */
export interface TunnelOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Accepts any certificate. */
  readonly insecure: boolean;
  /** PEM; undefined trusts Node's own list of authorities. */
  readonly ca: string | undefined;
  /** Bound of one request, milliseconds; a change that the server is at work on may take longer. */
  readonly timeoutMs: number;
}

/** From the thread to its owner. */
export type TunnelEvent =
  | { readonly kind: 'listening'; readonly port: number }
  /** Why the last request failed; null once one has succeeded since. */
  | { readonly kind: 'state'; readonly reason: string | null };

/** To the thread: from now on no request takes longer than `timeoutMs`. */
export interface TunnelCommand {
  readonly timeoutMs: number;
}
