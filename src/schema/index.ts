export * from './signals.js';
export * from './tables.js';
export * from './promoted.js';
export * from './batch.js';
export * from './payload.js';
export * from './buffer-pool.js';
export * from './histogram-counts.js';
export { freeBuffers } from './free.js';
