export { buildDigest } from './build.js';
export { digestLength, digestTailBytes, traceIds, type FileDigest } from './format.js';
export { FileDigests, type ReadDigest } from './read.js';
