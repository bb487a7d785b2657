import { Component, type ComponentChildren } from 'preact';
import type { ApiError } from '../api/client';
import type { QueryState } from '../api/use-query';

export function Loading({ what = 'Loading' }: { readonly what?: string }) {
  return (
    <p class="state" role="status">
      <span class="spinner" aria-hidden="true" /> {what}…
    </p>
  );
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <div class="state">{children}</div>;
}

function advice(error: ApiError): string {
  switch (error.kind) {
    case 'network':
      return 'Is it running? This page asks again every few seconds.';
    case 'sign-in':
      return 'Sign in with a key that may see this.';
    case 'server':
      return error.status === 503 ? 'This page asks again by itself.' : 'The log of the server tells more.';
    case 'query':
      return '';
  }
}

export function ErrorBox({ error, retry }: { readonly error: ApiError; readonly retry?: () => void }) {
  return (
    <div class="error-box" role="alert">
      <strong>{error.message}</strong> {advice(error)}{' '}
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** What is known of a query: its data, also old data below an error, else that it loads or what went wrong. */
export function Shown<T>({
  query,
  what,
  children,
}: {
  readonly query: QueryState<T>;
  readonly what?: string;
  readonly children: (data: T) => ComponentChildren;
}) {
  return (
    <>
      {query.error && <ErrorBox error={query.error} retry={query.retry} />}
      {query.data === undefined
        ? query.loading && <Loading {...(what === undefined ? {} : { what })} />
        : children(query.data)}
    </>
  );
}

/** Keeps a fault of one page from taking the menu along. */
export class Fault extends Component<{ readonly at: string; readonly children: ComponentChildren }> {
  override state: { error: Error | null } = { error: null };

  override componentDidCatch(error: Error): void {
    this.setState({ error });
  }

  override componentDidUpdate(before: { readonly at: string }): void {
    if (before.at !== this.props.at && this.state.error) this.setState({ error: null });
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div class="error-box" role="alert">
        <strong>This page failed:</strong> {error.message}{' '}
        <button type="button" onClick={() => this.setState({ error: null })}>
          Show it again
        </button>
      </div>
    );
  }
}
