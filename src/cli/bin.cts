#!/usr/bin/env node
/**
 * The executable. DuckDB calls and fsyncs share libuv's pool, four threads by default: four slow queries would
 * hold up every acknowledgement. Its size is read at the first asynchronous file operation, which loading an
 * ES module already is, so this one is CommonJS.
 */
process.env['UV_THREADPOOL_SIZE'] ??= '32';
void import('./main.js');
