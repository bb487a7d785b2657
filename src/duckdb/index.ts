export { openDatabase, type RawDatabase } from './database.js';
export * from './errors.js';
export * from './extensions.js';
export * from './sql.js';
export { inTransaction } from './transaction.js';
