import type { QueryRequest } from '../../server/endpoint.js';
import type { QueryLimits } from '../../server/guard.js';
import type { ExecContext } from '../exec/context.js';
import { runLogs, type LogEntry } from '../exec/logs.js';
import { extractedSuffix, pipelineLabels } from '../model/labels.js';
import { flattenJson, startsWith } from '../stages/json-line.js';
import { JsonLineError } from '../stages/json-members.js';
import { lokiLabelName } from '../../attributes/label-name.js';
import { byteOrder } from '../../text/byte-order.js';
import { scanLogfmt } from '../stages/logfmt.js';
import { parseBytes, parseDuration, parseNumber } from '../grammar/units.js';
import { selection, sixHours } from './metadata.js';
import { defaultEntries, LokiParams } from './params.js';
import { checkEntries, type Plan } from './queries.js';

type FieldType = 'boolean' | 'int' | 'float' | 'duration' | 'bytes' | 'string';
type Parser = 'json' | 'logfmt';

interface Field {
  readonly values: Set<string>;
  readonly parsers: Set<Parser>;
  /** The keys down to the field in a line of JSON. */
  jsonPath?: readonly string[];
  type: FieldType;
}

const extractedEnd = new RegExp(`${extractedSuffix}$`);
const maxFields = 1000;
const maxSample = 5000;

function typeOf(value: string): FieldType {
  if (/^[+-]?\d+$/.test(value)) return 'int';
  if (parseNumber(value) !== undefined) return 'float';
  if (/^(?:t|T|true|True|TRUE|f|F|false|False|FALSE)$/.test(value)) return 'boolean';
  if (parseDuration(value) !== undefined) return 'duration';
  return parseBytes(value) === undefined ? 'string' : 'bytes';
}

interface Found {
  readonly value: string;
  readonly parser: Parser;
  readonly jsonPath?: readonly string[];
}

/** What json finds in a line, or logfmt in one that is no object. */
function parsed(line: string): Map<string, Found> {
  const found = new Map<string, Found>();
  if (startsWith(line, '{')) {
    try {
      flattenJson(line, (name, value, above, key) =>
        found.set(name, { value, parser: 'json', jsonPath: [...above, key] }),
      );
      return found;
    } catch (error) {
      if (!(error instanceof JsonLineError)) throw error;
      found.clear();
    }
  }
  if (line.includes('=')) {
    scanLogfmt(line, false, (key, value) => found.set(lokiLabelName(key), { value, parser: 'logfmt' }));
  }
  return found;
}

/** The fields of a sample of lines: structured metadata, what the query parsed, and what json or logfmt finds besides. */
function collect(entries: readonly LogEntry[]): Map<string, Field> {
  const fields = new Map<string, Field>();
  const add = (name: string, value: string, from?: Found) => {
    if (value === '' || pipelineLabels.has(name)) return;
    let field = fields.get(name);
    if (!field) {
      if (fields.size >= maxFields) return;
      fields.set(name, (field = { values: new Set(), parsers: new Set(), type: typeOf(value) }));
    }
    if (field.values.size === 0) field.type = typeOf(value);
    if (field.values.size < maxSample) field.values.add(value);
    if (from) field.parsers.add(from.parser);
    if (from?.jsonPath) field.jsonPath ??= from.jsonPath;
  };
  for (const { line, labels } of entries) {
    const found = parsed(line);
    const own = new Map(labels.map(([name, , category]) => [name, category]));
    for (const [name, value, category] of labels) {
      if (category === 'metadata') add(name, value);
      if (category === 'parsed') add(name, value, found.get(name.replace(extractedEnd, '')));
    }
    for (const [plain, from] of found) {
      const name = own.get(plain) === 'stream' ? plain + extractedSuffix : plain;
      if (own.get(name) !== 'parsed') add(name, from.value, from);
    }
  }
  return fields;
}

interface Sample {
  readonly read: (ctx: ExecContext) => Promise<LogEntry[]>;
  /** Most fields, or values of one. */
  readonly limit: number;
}

/** The latest lines of the range, `line_limit` of them. */
function sample(request: QueryRequest, limits: QueryLimits): Sample {
  const params = new LokiParams(request);
  const range = params.range(sixHours);
  const lines = params.positive('line_limit', Math.min(defaultEntries, limits.maxRows));
  const limit = params.positive(params.text('limit') === undefined ? 'field_limit' : 'limit', maxFields);
  params.step(range);
  const query = selection(params, limits, range);
  checkEntries(lines, limits);
  return {
    read: (ctx) => runLogs({ ...query, limit: lines, forward: false }, ctx),
    limit: Math.min(limit, maxFields),
  };
}

/** GET or POST /loki/api/v1/detected_fields */
export function detectedFields(request: QueryRequest, limits: QueryLimits): Plan {
  const { read, limit } = sample(request, limits);
  return async (ctx) => {
    const fields = [...collect(await read(ctx))].map(([label, { values, parsers, type, jsonPath }]) => ({
      label,
      type,
      cardinality: values.size,
      parsers: parsers.size > 0 ? [...parsers] : null,
      ...(jsonPath && { jsonPath }),
    }));
    fields.sort((a, b) => b.cardinality - a.cardinality || byteOrder(a.label, b.label));
    return { fields: fields.slice(0, limit), limit };
  };
}

/** GET or POST /loki/api/v1/detected_field/:name/values */
export function detectedFieldValues(request: QueryRequest, limits: QueryLimits): Plan {
  const { name = '' } = request.params;
  const { read, limit } = sample(request, limits);
  return async (ctx) => {
    const values = collect(await read(ctx)).get(name)?.values ?? new Set<string>();
    return { values: [...values].sort(byteOrder).slice(0, limit), limit };
  };
}
