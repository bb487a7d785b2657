import { useEffect } from 'preact/hooks';
import { go, linkTo } from './location';
import { pages } from './pages';

/** Where a key is text and no command. */
function isEditing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.shadowRoot !== null
  );
}

const sequenceMs = 1500;

/** `g` and a page's key, `/`, `r`, `?`, Escape. */
export function useKeyboard(showHelp: (shown: boolean) => void, refresh: () => void): void {
  useEffect(() => {
    let wentAt = 0;
    const pressed = (event: KeyboardEvent) => {
      if (event.key === 'Escape') showHelp(false);
      if (isEditing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (Date.now() - wentAt < sequenceMs) {
        wentAt = 0;
        const page = pages.find(({ key }) => key === event.key);
        if (page) go(linkTo(page.path));
        return;
      }
      if (event.key === 'g') wentAt = Date.now();
      else if (event.key === 'r') refresh();
      else if (event.key === '?') showHelp(true);
      else if (event.key === '/') {
        const field = document.querySelector<HTMLElement>('[data-search]');
        if (!field) return;
        event.preventDefault();
        field.focus();
      }
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  }, [showHelp, refresh]);
}
