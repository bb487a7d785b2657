import { logql } from './logql.js';
import { suite } from './suite.js';

suite(logql);
