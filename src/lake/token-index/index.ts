export { IndexBuilder, type IndexPart } from './builder.js';
export { searchOf, type Needle, type Search } from './needle.js';
export { TokenIndexes, type Found, type RowRange } from './read.js';
