export { IndexBuilder, type IndexPart } from './builder.js';
export { MadeIndexes } from './made.js';
export { searchOf, type Needle, type Search } from './needle.js';
export { idColumns, indexParts } from './parts.js';
export { TokenIndexes, type Found, type RowRange } from './read.js';
