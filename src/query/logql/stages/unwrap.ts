import { and, or } from '../../sql/fragment.js';
import type { Node } from '../grammar/tree.js';
import { numberSql } from '../model/attributes.js';
import { parseBytes, parseDuration, parseNumber, valueFault } from '../grammar/units.js';
import type { PipelineSql } from '../pipeline/scope.js';
import type { Row } from '../pipeline/stage.js';
import {
  compileLabelFilter,
  errorTest,
  filterNames,
  formatLabelFilter,
  parseLabelFilter,
  type LabelFilter,
} from './label-filter.js';

/** The last stage of a range aggregation over values of a label. */
export interface Unwrap {
  readonly name: string;
  readonly conversion?: 'bytes' | 'duration' | 'duration_seconds';
  /** Filters written after the unwrap. */
  readonly filters: readonly LabelFilter[];
}

const sampleExtractionError = 'SampleExtractionErr';

/** `| unwrap duration(a) | b="c"` */
export function parseUnwrap(node: Node): Unwrap {
  const parts = node.flatten();
  const name = parts.find((part) => part.name === 'Identifier')?.text ?? '';
  const conversion = parts.find((part) => part.name === 'ConvOp')?.text;
  return {
    name,
    filters: parts.filter((part) => part.name === 'LabelFilter').map(parseLabelFilter),
    ...(conversion && {
      conversion: conversion.toLowerCase() as NonNullable<Unwrap['conversion']>,
    }),
  };
}

export function formatUnwrap(unwrap: Unwrap): string {
  return unwrapParts(unwrap).join(' ');
}

/** The unwrap and its filters as they are written. */
export function unwrapParts({ name, conversion, filters }: Unwrap): string[] {
  const value = conversion ? `${conversion}(${name})` : name;
  return [`| unwrap ${value}`, ...filters.map((filter) => `| ${formatLabelFilter(filter)}`)];
}

/** The labels that an unwrap reads. */
export function unwrapNames({ name, filters }: Unwrap): string[] {
  return [name, ...filters.flatMap(filterNames)];
}

/** The samples of the records that a pipeline keeps, as SQL. */
export interface SampleSql {
  /** DOUBLE. */
  readonly value: string;
  /** Conditions of the records that have a sample, besides those of the pipeline. */
  readonly where: readonly string[];
  /** Conditions under which a record has an error that the query has to tell. */
  readonly errors: readonly string[];
}

/** Undefined: SQL can't tell. */
export function sampleSql(unwrap: Unwrap | undefined, pipeline: PipelineSql): SampleSql | undefined {
  if (!unwrap) return { value: 'NULL::DOUBLE', where: [], errors: pipeline.errors };
  const label = pipeline.meaning(unwrap.name);
  const skipsErrors = unwrap.filters.length > 0;
  const others = unwrap.filters.some((filter) => errorTest(filter) !== 'none');
  if (label === undefined || unwrap.conversion || others) return undefined;
  const { value, faulty, empty } = numberSql(label);
  const wanted = or([`${value} IS NOT NULL`, `${faulty} AND NOT (${empty})`]);
  if (!skipsErrors) return { value, where: [wanted], errors: [...pipeline.errors, faulty] };
  const valid = [`${value} IS NOT NULL`, `NOT coalesce(${or(pipeline.errors)}, FALSE)`];
  return { value, where: [and(valid)], errors: [] };
}

function seconds(text: string): number | undefined {
  const nanoseconds = parseDuration(text);
  return nanoseconds === undefined ? undefined : nanoseconds / 1e9;
}

const conversions = {
  number: parseNumber,
  bytes: parseBytes,
  duration: seconds,
  duration_seconds: seconds,
} as const;

/** Reads the sample's value off a row: undefined when it has none. A value that does not convert is an error. */
export function compileUnwrap({ name, conversion, filters }: Unwrap): (row: Row) => number | undefined {
  const convert = conversions[conversion ?? 'number'];
  const kind = conversion === 'duration_seconds' ? 'duration' : (conversion ?? 'number');
  const tests = filters.map((filter) => compileLabelFilter(filter));
  return ({ labels }) => {
    const text = labels.get(name);
    if (text === undefined || text === '') return undefined;
    const value = convert(text);
    if (value === undefined) {
      labels.fail(sampleExtractionError, valueFault(kind, text));
    }
    return tests.every((test) => test(labels)) ? (value ?? 0) : undefined;
  };
}
