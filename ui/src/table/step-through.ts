/** Arrow keys within a list: to the row before or behind the one whose button, found by `selector`, has the focus. */
export function stepThrough(event: KeyboardEvent, selector: string): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const list = event.currentTarget as HTMLElement;
  const row = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>('[data-index]');
  if (!row || !document.activeElement?.matches(selector)) return;
  const wanted = Number(row.dataset['index']) + (event.key === 'ArrowDown' ? 1 : -1);
  const next = list.querySelector<HTMLElement>(`[data-index="${wanted}"] ${selector}`);
  if (!next) return;
  event.preventDefault();
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest' });
}
