import { dateFunctions } from './dates.js';
import type { PromFunction } from './function.js';
import { histogramFunctions } from './histogram.js';
import { labelFunctions } from './labels.js';
import { mathFunctions } from './math.js';
import { rangeFunctions } from './range.js';
import { vectorFunctions } from './vectors.js';

/** Every PromQL function by its name. To add one, add its entry to the file of its kind. */
export const functions: ReadonlyMap<string, PromFunction> = new Map([
  ...mathFunctions,
  ...dateFunctions,
  ...labelFunctions,
  ...vectorFunctions,
  ...rangeFunctions,
  ...histogramFunctions,
]);
