export { AskedKeys } from './asked.js';
export { chooseColumns, columnsSql, sampleSql, valuesSql, type ColumnChoice } from './choose.js';
export { attributeOrigins, columnName, keyPath, parseColumnName, type AttributeColumn } from './names.js';
