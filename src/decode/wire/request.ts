import { truncated, type Source } from './source.js';
import { entryBytes, type Budget } from '../batch/budget.js';
import type { ResourceScopeWriter } from '../batch/resource-scope.js';
import type { Rejections } from '../batch/rejections.js';
import { serviceName } from './service-name.js';
import { EntryTag, ExportRequestTag } from './tags.js';

/** Takes the innermost messages: LogRecord, Span or Metric. */
export interface RecordWriter {
  record(pos: number, end: number): void;
}

/**
 * Walks an export request down to its records. The three signals number their fields alike
 * (opentelemetry-proto collector/*: request 1 = resource entry; entry 1 = resource, 2 = scope entry, 3 = schema
 * URL; scope entry 1 = scope, 2 = record, 3 = schema URL). Fields may come in any order, so resource and scope
 * are filled in once their stretch of rows is complete.
 */
export class RequestWalker {
  constructor(
    private readonly source: Source,
    private readonly budget: Budget,
    private readonly resourceScope: ResourceScopeWriter,
    private readonly records: RecordWriter,
    private readonly rejections: Rejections,
  ) {}

  request(): void {
    const source = this.source;
    const end = source.length;
    let pos = 0;
    while (pos < end) {
      pos = source.tag(pos, end);
      if (source.lo === ExportRequestTag.entries) {
        pos = source.open(pos, end);
        const to = source.to;
        this.#level(pos, to, true);
        pos = to;
      } else {
        pos = source.skip(pos, end, source.lo);
      }
    }
    if (pos !== end) throw truncated(pos);
  }

  /** A resource entry (`outer`) or a scope entry. */
  #level(pos: number, end: number, outer: boolean): void {
    const source = this.source;
    const from = this.resourceScope.mark();
    const parts: number[] = [];
    let urlPos = 0;
    let urlLength = 0;
    while (pos < end) {
      pos = source.tag(pos, end);
      const tag = source.lo;
      if (tag === EntryTag.members) {
        pos = source.open(pos, end);
        const to = source.to;
        if (outer) this.#level(pos, to, false);
        else this.records.record(pos, to);
        pos = to;
      } else if (tag === EntryTag.owner) {
        pos = source.open(pos, end);
        if (parts.length > 0) this.budget.charge(entryBytes);
        parts.push(pos, source.to);
        pos = source.to;
      } else if (tag === EntryTag.schemaUrl) {
        urlPos = source.open(pos, end);
        pos = source.to;
        urlLength = pos - urlPos;
      } else {
        pos = source.skip(pos, end, tag);
      }
    }
    if (pos !== end) throw truncated(pos);
    if (outer && this.rejections.unplaced) this.rejections.place(serviceName(source, parts));
    if (outer) this.resourceScope.resource(from, parts, urlPos, urlLength);
    else this.resourceScope.scope(from, parts, urlPos, urlLength);
  }
}
