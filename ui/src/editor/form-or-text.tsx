import { useEffect, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { CodeField } from './editor';
import type { Language } from './languages';

interface Props {
  readonly language: Language;
  /** What people call the language. */
  readonly name: string;
  readonly query: string;
  readonly run: (query: string) => void;
  /** Null for a query that has more than it can show. */
  readonly form: ComponentChildren | null;
}

/** A query as a form, or as text. */
export function FormOrText({ language, name, query, run, form }: Props) {
  const [asText, setAsText] = useState(form === null);
  const [draft, setDraft] = useState(query);
  useEffect(() => setDraft(query), [query]);
  const text = asText || form === null;
  return (
    <div class="query-bar">
      <div class="segments" role="group" aria-label="Form of the query">
        <button
          type="button"
          aria-pressed={!text}
          disabled={form === null}
          title={form === null ? 'This query has more than the form can show' : 'As a form'}
          onClick={() => setAsText(false)}
        >
          Form
        </button>
        <button type="button" aria-pressed={text} onClick={() => setAsText(true)}>
          {name}
        </button>
      </div>
      {text ? (
        <>
          <CodeField language={language} label={`${name} query`} value={query} run={run} change={setDraft} />
          <button type="button" class="primary" onClick={() => run(draft)}>
            Run
          </button>
        </>
      ) : (
        form
      )}
    </div>
  );
}
