import type { ComponentChildren } from 'preact';

interface Props {
  /** What lies within, for those who can't see it. */
  readonly label: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** Something wider than the page may be: a keyboard scrolls it too. */
export function Scroll({ label, class: name = '', children }: Props) {
  return (
    <div class={`scroll ${name}`} tabIndex={0} role="region" aria-label={label}>
      {children}
    </div>
  );
}
