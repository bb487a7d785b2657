export { buildDigest } from './build.js';
export { digestLength, digestTailBytes, traceIds } from './format.js';
export { FileDigests, type ReadDigest } from './read.js';
