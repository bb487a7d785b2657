#!/usr/bin/env node
import v8 = require('node:v8');

/**
 * The executable. DuckDB calls and fsyncs share libuv's pool, four threads by default: four slow queries would
 * hold up every acknowledgement. Its size is read at the first asynchronous file operation, which loading an
 * ES module already is, so this one is CommonJS.
 */
process.env['UV_THREADPOOL_SIZE'] ??= '32';
// The heap is small and grows by buffers that die young: by V8's own rule it would be collected twice a second.
v8.setFlagsFromString('--heap-growing-percent=400');
void import('./main.js');
