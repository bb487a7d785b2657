import type { PayloadErrorCode, Signal } from '../schema/index.js';

/** Too many received bytes wait for decoding; the same payload may be accepted later. */
export class DecodeQueueFullError extends Error {
  constructor(
    readonly signal: Signal,
    readonly queuedBytes: number,
    readonly queueBytes: number,
  ) {
    super(`the decode queue is full: ${queuedBytes} of ${queueBytes} bytes wait to be decoded`);
    this.name = 'DecodeQueueFullError';
  }
}

/** All memory for decoding is taken; the same payload may be decoded later. */
export class DecodeMemoryError extends Error {
  constructor(
    readonly usedBytes: number,
    readonly limitBytes: number,
  ) {
    super(
      `decoding takes ${usedBytes} of the ${limitBytes} bytes it may take (CANARDSTACK_DECODE_MEMORY_BYTES)`,
    );
    this.name = 'DecodeMemoryError';
  }
}

/** A decode worker ended or hung; what it was decoding has no result. */
export class DecodeWorkerError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DecodeWorkerError';
  }
}

/** Why a whole payload cannot be decoded. */
export class PayloadError extends Error {
  constructor(
    readonly code: PayloadErrorCode,
    message: string,
  ) {
    super(message);
    this.name = 'PayloadError';
  }
}

export function malformed(message: string): PayloadError {
  return new PayloadError('malformed', message);
}
