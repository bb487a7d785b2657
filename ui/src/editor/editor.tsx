import { useEffect, useRef, useState } from 'preact/hooks';
import type { Editor } from './codemirror';
import type { Language } from './languages';
import '../style/editor.css';

interface Props {
  readonly language: Language;
  readonly value: string;
  /** For those who can't see it. */
  readonly label: string;
  /** Enter, or Ctrl-Enter where the language has lines. */
  readonly run: (text: string) => void;
  readonly change?: (text: string) => void;
  /** The reader went elsewhere. */
  readonly leave?: (text: string) => void;
  readonly lines?: number;
}

/** A code field; a plain one until its code has come. */
export function CodeField({ language, value, label, run, change, leave, lines = 1 }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const actions = useRef({ run, change, leave });
  actions.current = { run, change, leave };
  const [ready, setReady] = useState(false);

  useEffect(() => {
    let gone = false;
    void import('./codemirror').then(({ openEditor }) => {
      if (gone || !host.current) return;
      editor.current = openEditor(host.current, {
        language,
        value,
        label,
        run: (text) => actions.current.run(text),
        change: (text) => actions.current.change?.(text),
        leave: (text) => actions.current.leave?.(text),
      });
      setReady(true);
    });
    return () => {
      gone = true;
      editor.current?.close();
      editor.current = null;
    };
    // The field lives as long as its language; later values are handed to it below.
  }, [language]);

  useEffect(() => editor.current?.setText(value), [value, ready]);

  return (
    <div class="code-field">
      <div
        ref={host}
        data-search
        tabIndex={-1}
        onFocus={() => editor.current?.focus()}
        class={ready ? '' : 'absent'}
      />
      {!ready && (
        <textarea
          aria-label={label}
          rows={lines}
          value={value}
          onBlur={(event) => actions.current.leave?.(event.currentTarget.value)}
          onInput={(event) => actions.current.change?.(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey) return;
            event.preventDefault();
            run(event.currentTarget.value);
          }}
        />
      )}
    </div>
  );
}
