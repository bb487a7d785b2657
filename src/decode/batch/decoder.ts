import { isUtf8 } from 'node:buffer';
import {
  defaultDecodeLimits,
  type ColumnBatch,
  type DecodeLimits,
  type Payload,
  type PayloadResult,
  type Signal,
} from '../../schema/index.js';
import { DecodeMemoryError, PayloadError } from '../errors.js';
import { formatNamed, type Format, type Prepared } from '../formats/index.js';
import { IgnoredFields } from '../json/ignored.js';
import { LogRecords } from '../logs.js';
import { freeMemory, type Memory } from '../memory.js';
import { MetricRecords } from '../metrics.js';
import { SpanRecords } from '../spans.js';
import { AttributeText } from '../wire/attributes.js';
import { decompress, mostDecompressed } from '../wire/decompress.js';
import { RequestWalker, type RecordWriter } from '../wire/request.js';
import { Source } from '../wire/source.js';
import { BatchMemory } from './batch-memory.js';
import { Budget } from './budget.js';
import { ColumnWriter } from './column-writer.js';
import { PayloadContext } from './context.js';
import { StringArena } from './string-arena.js';
import { ResourceScopeWriter, type ResourceScopeColumns, type SharedAttributes } from './resource-scope.js';
import type { TableBuilder } from './table.js';
import { writeThousandth } from './time.js';

/** Limits for payloads that bring none; by default the settings' own defaults. */
export type BatchDecoderOptions = Partial<DecodeLimits>;

export interface DecodedBatch {
  /** How many of the payloads were decoded, from the first on. */
  readonly taken: number;
  readonly results: readonly PayloadResult[];
  readonly batch: ColumnBatch;
}

interface SignalWriter extends RecordWriter {
  readonly tables: readonly TableBuilder[];
  readonly resourceScopes: readonly ResourceScopeColumns[];
  readonly shared?: SharedAttributes;
}

/** Once the rows of a batch take more, no further payload goes into it. */
const fullBatchBytes = 64 * 1024 * 1024;

/** Decodes groups of payloads of one signal into column batches. Reuses its memory; not re-entrant. */
export class BatchDecoder {
  readonly #source: Source;
  readonly #budget = new Budget();
  readonly #arena: StringArena;
  readonly #columns: ColumnWriter;
  readonly #context: PayloadContext;
  readonly #writer: SignalWriter;
  readonly #resourceScope: ResourceScopeWriter;
  readonly #walker: RequestWalker;
  readonly #received = new Uint32Array(2);
  readonly #limits: DecodeLimits;

  constructor(
    private readonly signal: Signal,
    options: BatchDecoderOptions,
    private readonly memory: Memory = freeMemory,
  ) {
    this.#source = new Source(memory);
    this.#arena = new StringArena(this.#budget, memory);
    this.#columns = new ColumnWriter(this.#source, this.#arena);
    this.#limits = { ...defaultDecodeLimits, ...options };
    const attributes = new AttributeText(this.#source, this.#arena, this.#budget);
    this.#context = new PayloadContext(this.#columns, attributes, this.#budget, nouns[signal]);
    this.#writer = new writers[signal](this.#context);
    for (const table of this.#writer.tables) table.account(memory);
    this.#resourceScope = new ResourceScopeWriter(
      this.#columns,
      attributes,
      this.#budget,
      signal,
      this.#writer.resourceScopes,
      this.#writer.shared,
    );
    this.#walker = new RequestWalker(
      this.#source,
      this.#budget,
      this.#resourceScope,
      this.#writer,
      this.#context.rejections,
    );
  }

  /**
   * Decodes payloads until `budget` bytes (decompressed) are exceeded, but at least one. The batch goes into
   * `buffer` if that is large enough, else into a new one.
   */
  decode(
    payloads: readonly Payload[],
    budget: number,
    buffer: SharedArrayBuffer | null = null,
  ): DecodedBatch {
    const results: PayloadResult[] = [];
    let bytes = 0;
    try {
      for (const payload of payloads) {
        if (results.length > 0 && (bytes > budget || this.#batchBytes() > fullBatchBytes)) break;
        const result = this.#payloadOrNone(payload, results.length > 0);
        if (result === null) break;
        bytes += result.ok ? result.decodedBytes : payload.body.length;
        results.push(result);
      }
      return { taken: results.length, results, batch: this.#pack(buffer) };
    } finally {
      this.#source.release();
      this.#arena.reset();
      for (const table of this.#writer.tables) table.reset();
    }
  }

  /** null when memory is short for one that is not the first: it may begin the next batch. */
  #payloadOrNone(payload: Payload, optional: boolean): PayloadResult | null {
    try {
      return this.#payload(payload);
    } catch (error) {
      if (optional && error instanceof DecodeMemoryError) return null;
      throw error;
    }
  }

  #payload(payload: Payload): PayloadResult {
    const rows = this.#resourceScope.mark();
    const start = this.#arena.length;
    const limits = payload.limits ?? this.#limits;
    try {
      const ignored = new IgnoredFields();
      const format = formatNamed(payload.format);
      const { prepared, decodedBytes } = this.#load(payload, format, limits, ignored);
      this.#records(payload, format, prepared, rows, start);
      if (!this.#isValidText(start)) {
        this.#rollBack(rows, start);
        this.#source.careful = true;
        this.#records(payload, format, prepared, rows, start);
      }
      const { rejections } = this.#context;
      const notes = format.notes?.(prepared, this.#context);
      const warning = [ignored.warning(), rejections.droppedSentence()]
        .filter((one) => one !== '')
        .join('; ');
      return {
        ok: true,
        rows: this.#rowsSince(rows),
        rejected: rejections.count,
        reason: rejections.sentence(),
        ...(rejections.count > 0 && { rejections: rejections.counts, rejectedRecords: rejections.records }),
        ...(warning !== '' && { warning }),
        ...(rejections.droppedIds && { droppedIds: rejections.droppedIds }),
        ...(notes && { notes }),
        decodedBytes,
      };
    } catch (error) {
      this.#rollBack(rows, start);
      if (error instanceof PayloadError) return { ok: false, code: error.code, message: error.message };
      throw error;
    }
  }

  /** Fills the source with the payload as an export request in protobuf; gives its decompressed size. */
  #load(
    payload: Payload,
    format: Format,
    limits: DecodeLimits,
    ignored: IgnoredFields,
  ): { prepared: Prepared; decodedBytes: number } {
    const { body, encoding, parameters = '', receivedAtNs } = payload;
    let taken = 0;
    const take = (bytes: number) => {
      this.memory.take(bytes);
      taken += bytes;
    };
    try {
      take(mostDecompressed(body, encoding, limits.maxDecodedBodyBytes));
      const plain = decompress(body, encoding, limits.maxDecodedBodyBytes);
      const { signal } = this;
      const prepared = format.prepare({
        signal,
        body: plain,
        parameters,
        receivedAtNs,
        limits,
        take,
        ignored,
      });
      this.#source.load(prepared.request);
      return { prepared, decodedBytes: plain.length };
    } finally {
      this.memory.give(taken);
    }
  }

  #records(
    payload: Payload,
    format: Format,
    prepared: Prepared,
    rows: readonly number[],
    start: number,
  ): void {
    this.#columns.suspect = false;
    // A payload without limits of its own is durable, acknowledged: nothing of it may be dropped silently.
    this.#budget.begin(payload.limits ?? this.#limits, payload.limits === undefined);
    this.#context.begin(payload, format.prometheusNames === true);
    this.#walker.request();
    const { rejections } = this.#context;
    rejections.record = 0;
    for (const { reason, sentence } of prepared.rejected ?? []) rejections.add(reason, sentence);
    if (rejections.unplaced) rejections.place('');
    writeThousandth(this.#context.receivedLo, this.#context.receivedHi, this.#received, 0);
    this.#resourceScope.payload(rows, format.column, this.#received[0]!, this.#received[1]!);
    if (this.#rowsSince(rows) === 0) this.#arena.length = start;
  }

  /**
   * Strings lie in the arena one after the other, so when the whole is valid UTF-8 and none begins with a
   * continuation byte, each is valid.
   */
  #isValidText(start: number): boolean {
    return !this.#columns.suspect && isUtf8(this.#arena.bytes.subarray(start, this.#arena.length));
  }

  #rowsSince(from: readonly number[]): number {
    return this.#resourceScope.mark().reduce((sum, rows, i) => sum + rows - from[i]!, 0);
  }

  #rollBack(rows: readonly number[], start: number): void {
    this.#arena.length = start;
    for (const [i, table] of this.#writer.tables.entries()) table.truncate(rows[i]!);
  }

  #batchBytes(): number {
    return this.#writer.tables.reduce(
      (sum, table) => (table.rows > 0 ? sum + table.packedBytes() : sum),
      this.#arena.length,
    );
  }

  #pack(buffer: SharedArrayBuffer | null): ColumnBatch {
    const tables = this.#writer.tables.filter((table) => table.rows > 0);
    const total = this.#batchBytes();
    const takes = tables.reduce((sum, table) => sum + table.def.columns.length * 3, 1);
    const memory = new BatchMemory(total, takes, buffer);
    const arena = memory.bytes(this.#arena.length);
    arena.set(this.#arena.bytes.subarray(0, this.#arena.length));
    return { arena, tables: tables.map((table) => table.pack(memory)) };
  }
}

const writers: Record<Signal, new (context: PayloadContext) => SignalWriter> = {
  logs: LogRecords,
  traces: SpanRecords,
  metrics: MetricRecords,
};

const nouns: Record<Signal, string> = { logs: 'log record', traces: 'span', metrics: 'data point' };
