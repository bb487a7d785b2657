export type { DecodedGroup } from './types.js';
export { DecodeMemoryError, DecodeQueueFullError, DecodeWorkerError, PayloadError } from './errors.js';
export { DecodePool } from './pool/pool.js';
export { GroupingDecoder } from './pool/grouping.js';
export { decompress } from './wire/decompress.js';
export { loadZstd } from './wire/zstd.js';
export { Source } from './wire/source.js';
export { peekServices } from './peek/index.js';
export { journalEntriesEnd } from './formats/journal-fields.js';
