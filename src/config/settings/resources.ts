import { bytes, count } from '../kinds.js';
import { mebibyte, setting } from './definition.js';

export const resources = {
  duckdbMemoryLimitBytes: setting(
    'DUCKDB_MEMORY_LIMIT',
    bytes({ min: 64 * mebibyte }),
    undefined,
    'DuckDB memory limit (buffers, queries, sealing).',
    { computed: '40 % of memory, at most 4 GiB' },
  ),
  duckdbThreads: setting('DUCKDB_THREADS', count({ max: 1024 }), undefined, 'DuckDB worker threads.', {
    computed: 'one a core',
  }),
  decodeThreads: setting('DECODE_THREADS', count({ max: 1024 }), undefined, 'Decode worker threads.', {
    computed: 'one a core less one, at least 1',
  }),
  memoryCapBytes: setting(
    'MEMORY_CAP_BYTES',
    bytes(),
    undefined,
    'Refuse ingest (429 queue_full) while resident memory exceeds this.',
    { computed: '80 % of memory' },
  ),
};
