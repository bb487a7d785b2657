import type { ComponentChildren } from 'preact';
import { go } from './location';

interface Props {
  readonly to: string;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly title?: string;
  /** Whether it is the page that is shown. */
  readonly current?: boolean;
}

/** A link within these pages: opens without a reload, in a new tab where the reader asks for one. */
export function Link({ to, children, class: name, title, current }: Props) {
  const open = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={to} class={name} title={title} aria-current={current ? 'page' : undefined} onClick={open}>
      {children}
    </a>
  );
}
