import { promotedColumns, type Signal } from '../../schema/index.js';
import type { AttributeText, AttributeVisitor } from '../wire/attributes.js';
import type { KeySet } from '../wire/key-set.js';
import { truncated } from '../wire/source.js';
import { ResourceTag, ScopeTag } from '../wire/tags.js';
import { entryBytes, type Budget } from './budget.js';
import type { ColumnWriter } from './column-writer.js';
import type { Int64Builder } from './columns.js';
import type { StretchBuilder } from './stretches.js';
import { InstanceValue } from './instance.js';
import { PromotedValues } from './promoted-values.js';
import type { TableBuilder } from './table.js';

/**
 * Attributes that a log's service is named by when there is no service.name: those of Loki's `discover_service_name`
 * that are labels of a stream there.
 */
const discovered = ['container.name', 'k8s.container.name', 'k8s.job.name'];

function ownAttributes(signal: Signal): { keys: readonly string[] }[] {
  const names = signal === 'logs' ? ['service.name', ...discovered] : ['service.name'];
  return [names, ['service.namespace'], ['service.instance.id']].map((keys) => ({ keys }));
}

const ownColumns = ['service_name', 'service_namespace', 'service_instance_id'] as const;

/** The columns of one table that say where its rows come from. */
export class ResourceScopeColumns {
  readonly resource: readonly StretchBuilder[];
  readonly scope: readonly StretchBuilder[];
  readonly resourceDropped: Int64Builder;
  readonly scopeDropped: Int64Builder;
  readonly ingestedAt: Int64Builder;
  readonly sourceFormat: StretchBuilder;
  /** Of metrics alone. */
  readonly instance: StretchBuilder | null;

  constructor(readonly table: TableBuilder) {
    this.resource = resourceColumns(table.def.signal).map((name) => table.stretches(name));
    this.scope = scopeColumns.map((name) => table.stretches(name));
    this.resourceDropped = table.int64('resource_dropped_attributes_count');
    this.scopeDropped = table.int64('scope_dropped_attributes_count');
    this.ingestedAt = table.int64('ingested_at');
    this.sourceFormat = table.stretches('source_format');
    this.instance = table.def.signal === 'metrics' ? table.stretches('derived_instance_id') : null;
  }
}

const scopeColumns = ['scope_name', 'scope_version', 'scope_attributes', 'scope_schema_url'] as const;

function resourceColumns(signal: Signal): string[] {
  const promoted = promotedColumns(signal).filter((attribute) => attribute.from === 'resource');
  return [
    'resource_attributes',
    'resource_schema_url',
    ...ownColumns,
    ...promoted.map((attribute) => attribute.column),
  ];
}

/** What rows take from the attributes of their resource and scope beyond the columns of those. */
export interface SharedAttributes {
  /** Before the attributes of one of them. */
  reset(): void;
  readonly visit: AttributeVisitor;
  /** Are told their keys. */
  readonly resourceKeys: KeySet;
  readonly scopeKeys: KeySet;
  /** After them, for the rows [from, to) of the signal's first table; gives the bytes that each row takes. */
  write(from: number, to: number): number;
}

/**
 * Resource and scope of OTLP's three-level messages. Their columns are the same for a stretch of rows, so they
 * are encoded once and filled in when the stretch is complete.
 */
export class ResourceScopeWriter {
  readonly #resource: Uint32Array;
  readonly #scope = new Uint32Array(scopeColumns.length * 4);
  readonly #format = new Uint32Array(4);
  readonly #promoted: PromotedValues;
  readonly #instance: InstanceValue | null;
  readonly #instanceWords = new Uint32Array(4);
  #dropped = 0;

  constructor(
    private readonly writer: ColumnWriter,
    private readonly attributes: AttributeText,
    private readonly budget: Budget,
    signal: Signal,
    private readonly columns: readonly ResourceScopeColumns[],
    private readonly shared: SharedAttributes | null = null,
  ) {
    const promoted = promotedColumns(signal).filter((attribute) => attribute.from === 'resource');
    this.#promoted = new PromotedValues(writer, [...ownAttributes(signal), ...promoted]);
    this.#instance = signal === 'metrics' ? new InstanceValue(writer, attributes) : null;
    this.#resource = new Uint32Array(resourceColumns(signal).length * 4);
  }

  /**
   * The rows since `from` (one number a table) belong to the Resource messages at `parts` (start and end of
   * each; more than one merge) with the schema URL at `urlPos`.
   */
  resource(from: readonly number[], parts: readonly number[], urlPos: number, urlLength: number): void {
    if (!this.#grew(from)) return this.budget.charge(entryBytes);
    const { writer, attributes } = this;
    const words = this.#resource;
    words.fill(0);
    this.#promoted.reset();
    this.budget.shared();
    this.#instance?.reset();
    this.shared?.reset();
    const visit = this.#instance === null && this.shared === null ? this.#promoted.visit : this.#visitAll;
    const start = writer.arena.begin();
    this.#dropped = 0;
    attributes.noted = this.shared?.resourceKeys ?? null;
    for (let i = 0; i < parts.length; i += 2) {
      attributes.members(parts[i]!, parts[i + 1]!, ResourceTag.attributes, 0, visit);
      this.#readDropped(parts[i]!, parts[i + 1]!, ResourceTag.droppedAttributesCount);
    }
    if (writer.arena.length > start) attributes.close(start);
    writer.arenaWords(words, 0, start);
    writer.textWords(words, 4, urlPos, urlLength);
    for (let slot = 0; slot < this.#promoted.slots; slot++) {
      if (this.#promoted.find(slot, attributes)) writer.valueWords(words, 8 + slot * 4, attributes);
    }
    this.#charge(from, start, words);
    for (const [i, columns] of this.columns.entries()) {
      const to = columns.table.rows;
      for (const [c, column] of columns.resource.entries()) column.fill(from[i]!, to, words, c * 4);
      columns.resourceDropped.fill(from[i]!, to, this.#dropped, 0);
    }
    this.#writeShared(from);
    if (this.#instance === null) return;
    const instance = this.#instanceWords;
    instance.fill(0);
    this.#instance.write(instance);
    for (const [i, columns] of this.columns.entries()) {
      columns.instance?.fill(from[i]!, columns.table.rows, instance, 0);
    }
  }

  readonly #visitAll: AttributeVisitor = (keyPos, keyLength, valuePos, valueEnd) => {
    this.#promoted.visit(keyPos, keyLength, valuePos, valueEnd);
    this.#instance?.visit(keyPos, keyLength, valuePos, valueEnd);
    this.shared?.visit(keyPos, keyLength, valuePos, valueEnd);
  };

  #writeShared([from = 0]: readonly number[]): void {
    const [columns] = this.columns;
    if (this.shared === null || columns === undefined) return;
    const to = columns.table.rows;
    this.budget.charge(this.shared.write(from, to) * (to - from));
  }

  /** Like `resource`, for InstrumentationScope messages. */
  scope(from: readonly number[], parts: readonly number[], urlPos: number, urlLength: number): void {
    if (!this.#grew(from)) return this.budget.charge(entryBytes);
    const { writer, attributes } = this;
    const words = this.#scope;
    words.fill(0);
    this.#dropped = 0;
    let [namePos, nameLength, versionPos, versionLength] = [0, 0, 0, 0];
    const source = writer.source;
    this.budget.shared();
    this.shared?.reset();
    const start = writer.arena.begin();
    attributes.noted = this.shared?.scopeKeys ?? null;
    for (let i = 0; i < parts.length; i += 2) {
      let pos = parts[i]!;
      const end = parts[i + 1]!;
      attributes.members(pos, end, ScopeTag.attributes, 0, this.shared?.visit);
      this.#readDropped(pos, end, ScopeTag.droppedAttributesCount);
      while (pos < end) {
        pos = source.tag(pos, end);
        const tag = source.lo;
        if (tag === ScopeTag.name) {
          namePos = source.open(pos, end);
          nameLength = source.to - namePos;
          pos = source.to;
        } else if (tag === ScopeTag.version) {
          versionPos = source.open(pos, end);
          versionLength = source.to - versionPos;
          pos = source.to;
        } else {
          pos = source.skip(pos, end, tag);
        }
      }
    }
    if (writer.arena.length > start) attributes.close(start);
    writer.arenaWords(words, 8, start);
    writer.textWords(words, 0, namePos, nameLength);
    writer.textWords(words, 4, versionPos, versionLength);
    writer.textWords(words, 12, urlPos, urlLength);
    this.#charge(from, start, words);
    for (const [i, columns] of this.columns.entries()) {
      const to = columns.table.rows;
      for (const [c, column] of columns.scope.entries()) column.fill(from[i]!, to, words, c * 4);
      columns.scopeDropped.fill(from[i]!, to, this.#dropped, 0);
    }
    this.#writeShared(from);
  }

  /** The rows since `from` came in one payload; microseconds since the epoch as two words. */
  payload(from: readonly number[], format: string, receivedLo: number, receivedHi: number): void {
    if (!this.#grew(from)) return;
    const start = this.writer.arena.length;
    this.writer.arena.ascii(format);
    this.writer.arenaWords(this.#format, 0, start);
    for (const [i, columns] of this.columns.entries()) {
      columns.sourceFormat.fill(from[i]!, columns.table.rows, this.#format, 0);
      columns.ingestedAt.fill(from[i]!, columns.table.rows, receivedLo, receivedHi);
    }
  }

  /** The text since `start` is in the arena once, but in each of the rows since `from`. */
  #charge(from: readonly number[], start: number, words: Uint32Array): void {
    this.writer.arena.check();
    let bytes = 0;
    for (let i = 0; i < words.length; i += 4) bytes += words[i]!;
    let rows = 0;
    for (const [i, columns] of this.columns.entries()) rows += columns.table.rows - from[i]!;
    this.budget.charge(this.writer.arena.length - start + bytes * rows);
  }

  /** The number of rows in each table now. */
  mark(): number[] {
    return this.columns.map((columns) => columns.table.rows);
  }

  #grew(from: readonly number[]): boolean {
    return this.columns.some((columns, i) => columns.table.rows > from[i]!);
  }

  #readDropped(pos: number, end: number, tag: number): void {
    const source = this.writer.source;
    while (pos < end) {
      pos = source.tag(pos, end);
      const field = source.lo;
      pos = source.skip(pos, end, field);
      if (field === tag) this.#dropped = source.lo;
    }
    if (pos !== end) throw truncated(pos);
  }
}
