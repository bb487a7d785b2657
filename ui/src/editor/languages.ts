import type { CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import { sql } from '@codemirror/lang-sql';
import { LanguageSupport, LRLanguage } from '@codemirror/language';
import type { Extension } from '@codemirror/state';
import { parser as logqlParser } from '@grafana/lezer-logql';
import { parser as traceqlParser } from '@grafana/lezer-traceql';
import { styleTags, tags } from '@lezer/highlight';
import { PromQLExtension } from '@prometheus-io/codemirror-promql';
import { completeLogql, completeTraceql } from './completion';

export type Language = 'logql' | 'promql' | 'traceql' | 'sql';

type Complete = (context: CompletionContext) => Promise<CompletionResult | null>;

function grafanaLanguage(parser: typeof logqlParser, complete: Complete): Extension {
  const style = styleTags({
    String: tags.string,
    Number: tags.number,
    Integer: tags.number,
    Float: tags.number,
    Duration: tags.number,
    LineComment: tags.lineComment,
    Identifier: tags.propertyName,
    AttributeField: tags.propertyName,
    IntrinsicField: tags.keyword,
    'Json Logfmt Regexp Unpack Pattern Unwrap By Without Sum Rate CountOverTime LineFormat LabelFormat':
      tags.keyword,
  });
  const language = LRLanguage.define({ parser: parser.configure({ props: [style] }) });
  return new LanguageSupport(language, language.data.of({ autocomplete: complete }));
}

export function languageSupport(language: Language): Extension {
  switch (language) {
    case 'logql':
      return grafanaLanguage(logqlParser, completeLogql);
    case 'traceql':
      return grafanaLanguage(traceqlParser, completeTraceql);
    case 'promql':
      return new PromQLExtension()
        .setComplete({ remote: { url: '', cache: { maxAge: 60_000 } } })
        .asExtension();
    case 'sql':
      return sql({ upperCaseKeywords: true });
  }
}
