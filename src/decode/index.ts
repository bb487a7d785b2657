export type { DecodedGroup, Decoder } from './types.js';
export { DecodeQueueFullError, DecodeWorkerError } from './errors.js';
export { DecodePool, type DecodePoolOptions } from './pool/pool.js';
export { GroupingDecoder } from './pool/grouping.js';
