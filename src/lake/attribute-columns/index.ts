export { AskedKeys } from './asked.js';
export { chooseColumns, columnsSql, sampleSql, valuesSql, type ColumnChoice } from './choose.js';
export {
  attributeOrigins,
  columnName,
  isTyped,
  keyPath,
  mayHaveColumn,
  parseColumnName,
  typedColumn,
  type AttributeColumn,
} from './names.js';
