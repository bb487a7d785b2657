import { promql } from './promql.js';
import { suite } from './suite.js';

suite(promql);
