import { useEffect, useRef } from 'preact/hooks';
import { pages } from './pages';

/** What the keys do. */
export function Help({ close }: { readonly close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="help-title">
      <h2 id="help-title">Keyboard</h2>
      <dl class="keys">
        <dt>
          <kbd>/</kbd>
        </dt>
        <dd>to the search or query field</dd>
        <dt>
          <kbd>r</kbd>
        </dt>
        <dd>look again</dd>
        <dt>
          <kbd>?</kbd>
        </dt>
        <dd>this list</dd>
        {pages.map((page) => (
          <>
            <dt>
              <kbd>g</kbd> <kbd>{page.key}</kbd>
            </dt>
            <dd>{page.title}</dd>
          </>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
