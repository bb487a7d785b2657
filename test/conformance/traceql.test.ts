import { traceql } from './traceql.js';
import { suite } from './suite.js';

suite(traceql);
