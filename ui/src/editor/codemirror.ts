import { autocompletion, closeBrackets, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorState, Prec } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { languageSupport, type Language } from './languages';

export interface Editor {
  setText(text: string): void;
  focus(): void;
  close(): void;
}

interface Options {
  readonly language: Language;
  readonly value: string;
  readonly label: string;
  readonly run: (text: string) => void;
  readonly change: (text: string) => void;
  readonly leave: (text: string) => void;
}

const colors = HighlightStyle.define([
  { tag: tags.string, color: 'var(--good)' },
  { tag: tags.number, color: 'var(--warn)' },
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: 'var(--accent)' },
  { tag: [tags.propertyName, tags.labelName], color: 'var(--text)', fontWeight: '600' },
  { tag: [tags.comment, tags.lineComment], color: 'var(--faint)', fontStyle: 'italic' },
]);

const look = EditorView.theme({
  '&': { backgroundColor: 'var(--surface)', color: 'var(--text)', fontSize: '13px', borderRadius: '6px' },
  '&.cm-focused': { outline: '2px solid var(--accent)' },
  '.cm-content': { fontFamily: 'var(--mono)', padding: '6px 4px', caretColor: 'var(--text)' },
  '.cm-scroller': { maxHeight: '40vh', overflow: 'auto' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-tooltip': { backgroundColor: 'var(--surface)', border: '1px solid var(--line)', color: 'var(--text)' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': {
    background: 'var(--accent)',
    color: 'var(--accent-text)',
  },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--raised)' },
});

/**
 * An editor within a shadow root of `host`: there its styles are constructed sheets, which the content policy lets it
 * have, while `<style>` elements would not be.
 */
export function openEditor(
  host: HTMLElement,
  { language, value, label, run, change, leave }: Options,
): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  root.replaceChildren();
  const parent = document.createElement('div');
  root.append(parent);
  const submit = (view: EditorView) => {
    run(view.state.doc.toString());
    return true;
  };
  const multiline = language === 'sql';
  const state = EditorState.create({
    doc: value,
    extensions: [
      Prec.highest(keymap.of([{ key: 'Ctrl-Enter', mac: 'Cmd-Enter', run: submit }])),
      keymap.of([...completionKeymap, ...(multiline ? [] : [{ key: 'Enter', run: submit }])]),
      keymap.of([...historyKeymap, ...defaultKeymap]),
      history(),
      closeBrackets(),
      bracketMatching(),
      autocompletion({ icons: false }),
      languageSupport(language),
      syntaxHighlighting(colors),
      look,
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false' }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) change(update.state.doc.toString());
        if (update.focusChanged && !update.view.hasFocus) leave(update.state.doc.toString());
      }),
    ],
  });
  const view = new EditorView({ state, parent, root });
  return {
    setText(text) {
      const current = view.state.doc.toString();
      if (current !== text) view.dispatch({ changes: { from: 0, to: current.length, insert: text } });
    },
    focus: () => view.focus(),
    close: () => view.destroy(),
  };
}
