import type { Config } from '../config/settings.js';
import {
  defaultDecodeLimits,
  type DecodeLimits,
  type Payload,
  type KeptRecords,
  type Signal,
} from '../schema/index.js';
import type { Intake, IntakeResult } from '../seal/types.js';
import type { Logger, Telemetry } from '../telemetry/index.js';
import { within } from '../timeout/index.js';
import { receiverMetrics, type ReceiverMetrics, type Transport } from './metrics.js';
import { RejectionLog } from './rejection-log.js';
import { failureOf, internalFailure, refused, type Failure } from './failure.js';

/** What every receiver is given. */
export interface ReceiverOptions {
  readonly intake: Intake;
  readonly config: Pick<
    Config,
    'acceptLateSecs' | 'acceptFutureSecs' | 'maxBodyBytes' | 'maxDecodedBodyBytes'
  >;
  /** Kept with each payload. */
  readonly limits?: DecodeLimits;
  readonly telemetry: Telemetry;
  /** How long an acknowledgement may take; later the request counts as failed and is retried by the client. */
  readonly ackTimeoutMs?: number;
}

export type ExportOutcome =
  /** `reason` of what is kept holds its warning as well. */
  | { readonly ok: true; readonly kept: KeptRecords }
  | ({ readonly ok: false } & {
      readonly failure: Failure;
    });

/** What a request says of its body. */
export type Received = Pick<Payload, 'format' | 'encoding' | 'parameters'> & { readonly signal: Signal };

/** What all receivers do with a request once its bytes are there, and what they count. */
export class Exporter {
  readonly metrics: ReceiverMetrics;
  readonly #log: Logger;
  readonly #lateNs: bigint;
  readonly #futureNs: bigint;
  readonly #limits: DecodeLimits;
  readonly #ackTimeoutMs: number;
  readonly #rejections: RejectionLog;

  constructor(
    private readonly options: ReceiverOptions,
    private readonly transport: Transport,
  ) {
    this.metrics = receiverMetrics(options.telemetry.registry);
    this.#log = options.telemetry.log;
    this.#rejections = new RejectionLog(options.telemetry.log, transport);
    this.#lateNs = BigInt(options.config.acceptLateSecs) * 1_000_000_000n;
    this.#futureNs = BigInt(options.config.acceptFutureSecs) * 1_000_000_000n;
    const { maxDecodedBodyBytes } = options.config;
    this.#limits = options.limits ?? { ...defaultDecodeLimits, maxDecodedBodyBytes };
    this.#ackTimeoutMs = options.ackTimeoutMs ?? 60_000;
  }

  /** Memory for a body of `length` bytes. */
  room(length: number): Uint8Array {
    return this.options.intake.buffers.bytes(length);
  }

  /** What would be refused now, before a body is read. */
  refusal(): Failure | null {
    const refusal = this.options.intake.refusal();
    return refusal && failureOf(refusal);
  }

  /** Hands the payload to the intake and waits for durability. Never rejects. */
  async export(received: Received, body: Uint8Array): Promise<ExportOutcome> {
    const { signal, format, encoding, parameters } = received;
    const begun = performance.now();
    this.metrics.requestBytes.inc({ signal, transport: this.transport }, body.byteLength);
    const receivedAtNs = BigInt(Date.now()) * 1_000_000n;
    const payload: Payload = {
      format,
      ...(parameters !== undefined && { parameters }),
      encoding,
      receivedAtNs,
      minTimeNs: receivedAtNs - this.#lateNs,
      maxTimeNs: receivedAtNs + this.#futureNs,
      limits: this.#limits,
      body,
    };
    let result: IntakeResult | null;
    try {
      result = await this.#submit(signal, payload);
    } catch (error) {
      this.#log.error({ err: error, signal }, 'an export request failed');
      return { ok: false, failure: internalFailure };
    }
    if (result === null) {
      const why = `the request did not become durable in ${this.#ackTimeoutMs / 1000} s; it may still do so`;
      return { ok: false, failure: refused('dependency_unhealthy', why, 5) };
    }
    if (result.kind !== 'accepted') return { ok: false, failure: failureOf(result) };
    this.metrics.ackSeconds.observe(
      { signal, transport: this.transport },
      (performance.now() - begun) / 1000,
    );
    this.metrics.records.inc({ signal, outcome: 'accepted' }, result.rows);
    for (const [reason, count] of Object.entries(result.rejections ?? {})) {
      this.metrics.records.inc({ signal, outcome: 'rejected', reason }, count);
    }
    const { warning } = result;
    for (const { service, reason, count, example } of result.rejectedRecords ?? []) {
      this.#rejections.note({ signal, reason, service }, count, example);
    }
    if (warning !== undefined) {
      this.metrics.warnings.inc({ signal });
      const reason = result.droppedIds ? 'malformed_ids' : 'ignored_fields';
      this.#rejections.note({ signal, reason }, 0, warning);
    }
    const reason = [result.reason, warning].filter(Boolean).join('; ');
    return { ok: true, kept: { ...result, reason } };
  }

  /** Counts an answer; `code` is the HTTP status or the gRPC status name. */
  answered(signal: Signal, code: string, failure?: Failure): void {
    this.metrics.requests.inc({ signal, transport: this.transport, code });
    if (failure?.reason) this.metrics.refusals.inc({ signal, reason: failure.reason });
    if (failure?.invalid) this.#rejections.note({ signal, reason: failure.invalid }, 0, failure.message);
  }

  /** null when the intake does not answer in time. */
  #submit(signal: Signal, payload: Payload): Promise<IntakeResult | null> {
    // An answer that nobody waits for any more must not keep the process.
    const bound = { unref: true };
    return within(this.#ackTimeoutMs, this.options.intake.submit(signal, payload), () => null, bound);
  }
}
