import { bytes, count, milliseconds, seconds } from '../kinds.js';
import { mebibyte, setting } from './definition.js';

export const ingest = {
  maxBodyBytes: setting('MAX_BODY_BYTES', bytes(), 8 * mebibyte, 'Largest request body as received.'),
  maxDecodedBodyBytes: setting(
    'MAX_DECODED_BODY_BYTES',
    bytes(),
    64 * mebibyte,
    'Largest request body after decompression.',
  ),
  maxRequestRecords: setting(
    'MAX_REQUEST_RECORDS',
    count(),
    500_000,
    'Most log records, spans or data points of a request; beyond it 413.',
  ),
  maxRequestRowBytes: setting(
    'MAX_REQUEST_ROW_BYTES',
    bytes(),
    undefined,
    'Most bytes that the rows of one request may take (text, columns, and what its rows share in each of them); beyond it 413.',
    { computed: 'an eighth of memory, at most 256 MiB' },
  ),
  maxRecordBytes: setting(
    'MAX_RECORD_BYTES',
    bytes(),
    16 * mebibyte,
    'Most bytes of text and attributes (as JSON) that one record may become; beyond it the record is rejected (partial success).',
  ),
  maxRecordElements: setting(
    'MAX_RECORD_ELEMENTS',
    count(),
    65_536,
    'Most attributes, array and map entries, events, links, exemplars, buckets, bounds and quantiles of one record; beyond it the record is rejected (partial success).',
  ),
  decodeMemoryBytes: setting(
    'DECODE_MEMORY_BYTES',
    bytes(),
    undefined,
    'Memory that requests being decoded may take together, decompression included; beyond it they wait, then 429 queue_full.',
    { computed: 'a quarter of memory, at most 2 GiB' },
  ),
  acceptLateSecs: setting(
    'ACCEPT_LATE_SECS',
    seconds(),
    86_400,
    'Records older than this at receipt are rejected (partial success).',
  ),
  acceptFutureSecs: setting(
    'ACCEPT_FUTURE_SECS',
    seconds(),
    600,
    'Records further ahead than this at receipt are rejected (partial success).',
  ),
  decodeQueueBytes: setting(
    'DECODE_QUEUE_BYTES',
    bytes(),
    128 * mebibyte,
    'Received bytes that may wait for decoding; beyond it 429 queue_full.',
  ),
  rawSpoolCapacityBytes: setting(
    'RAW_SPOOL_CAPACITY_BYTES',
    bytes(),
    1024 * mebibyte,
    'Spool capacity for each signal; beyond it 429 raw_spool_full.',
  ),
  rawSpoolSegmentBytes: setting(
    'RAW_SPOOL_SEGMENT_BYTES',
    bytes(),
    64 * mebibyte,
    'Size at which a spool segment is rotated.',
  ),
  rawSpoolSetAsideBytes: setting(
    'RAW_SPOOL_SET_ASIDE_BYTES',
    bytes(),
    1024 * mebibyte,
    'Size of spool/poison/ from which on no more records are set aside: sealing then waits until somebody has looked at them.',
  ),
  rawSpoolGroupCommitMs: setting(
    'RAW_SPOOL_GROUP_COMMIT_MS',
    milliseconds({ min: 0, max: 60_000 }),
    0,
    'Extra wait that lets more requests share one fsync; 0 groups only what arrives during the fsync before.',
  ),
  sealIntervalMs: setting('SEAL_INTERVAL_MS', milliseconds(), 1000, 'Time between commits to DuckLake.'),
  sealMaxBytes: setting(
    'SEAL_MAX_BYTES',
    bytes(),
    64 * mebibyte,
    'Commit earlier once this many decoded bytes wait, and at most about this many in one transaction.',
  ),
  dataInliningRowLimit: setting(
    'DATA_INLINING_ROW_LIMIT',
    count({ min: 0 }),
    1000,
    'Commits of fewer rows a table (at most 512 KiB of text, and no number that its text would change) stay in the catalog until CHECKPOINT writes them to Parquet.',
  ),
  freshnessBudgetSlaSecs: setting(
    'FRESHNESS_BUDGET_SLA_SECS',
    seconds(),
    15,
    'Refuse ingest (429 freshness_budget_exceeded) while the projected time until a row is visible exceeds this.',
  ),
};
