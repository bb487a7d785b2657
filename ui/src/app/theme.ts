import { useEffect, useState } from 'preact/hooks';

export type Theme = 'auto' | 'dark' | 'light';

const storageKey = 'canardstack.theme';

function stored(): Theme {
  const value = localStorage.getItem(storageKey);
  return value === 'dark' || value === 'light' ? value : 'auto';
}

function apply(theme: Theme): void {
  const dark = theme === 'auto' ? matchMedia('(prefers-color-scheme: dark)').matches : theme === 'dark';
  document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => apply(stored()));
apply(stored());

export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState(stored);
  useEffect(() => {
    localStorage.setItem(storageKey, theme);
    apply(theme);
  }, [theme]);
  const next: Record<Theme, Theme> = { auto: 'dark', dark: 'light', light: 'auto' };
  return [theme, () => setTheme(next[theme])];
}
