export * from './settings.js';
export * from './errors.js';
export * from './resolve.js';
export * from './effective.js';
export { duckdbShares } from './duckdb-memory.js';
export * from './describe.js';
export * from './file.js';
export { formatBytes } from './units.js';
export { parseHeaderList } from './kinds.js';
