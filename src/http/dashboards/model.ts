import { z } from 'zod';
import { HttpError } from '../errors.js';

export const languages = ['promql', 'logql', 'traceql', 'sql'] as const;
const panelKinds = ['lines', 'stacked', 'heatmap', 'stat', 'table', 'logs', 'row'] as const;
export const units = [
  'none',
  'seconds',
  'milliseconds',
  'bytes',
  'percent',
  'ratio',
  'perSecond',
  'bytesPerSecond',
] as const;

/** Bytes of one dashboard's JSON: as an inlined row it is part of a SQL statement. */
export const mostBytes = 256 * 1024;

const text = (most: number) => z.string().max(most);
const title = text(200)
  .trim()
  .min(1)
  // SQL can't hold it.
  .refine((value) => !value.includes('\0'), 'it holds a NUL');

const query = z.strictObject({
  language: z.enum(languages),
  text: text(20_000),
  /** With `{{label}}` for values of labels. */
  legend: text(500).optional(),
});

const panel = z.strictObject({
  title: text(200),
  kind: z.enum(panelKinds),
  /** Of twelve columns. */
  width: z.int().min(1).max(12).default(6),
  /** Of 40 pixels. */
  height: z.int().min(2).max(40).default(7),
  unit: z.enum(units).default('none'),
  queries: z.array(query).max(20).default([]),
});

const variableName = z.string().regex(/^[A-Za-z_]\w{0,63}$/, 'letters, digits and _, at most 64');
const chosen = z.array(text(1000)).max(200);
const variable = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('query'),
    name: variableName,
    label: text(200).optional(),
    language: z.enum(['promql', 'logql', 'traceql']),
    /** Whose values it takes; a scope before it in TraceQL (`resource.service.name`). */
    of: text(500),
    /** A selector: only the values in what it selects. */
    match: text(5000).optional(),
    /** Only values that it matches; its first group, where it has one. */
    regex: text(500).optional(),
    multi: z.boolean().default(false),
    all: z.boolean().default(false),
    value: chosen.default([]),
  }),
  z.strictObject({
    type: z.literal('custom'),
    name: variableName,
    label: text(200).optional(),
    options: chosen,
    multi: z.boolean().default(false),
    all: z.boolean().default(false),
    value: chosen.default([]),
  }),
  z.strictObject({
    type: z.literal('interval'),
    name: variableName,
    label: text(200).optional(),
    /** Durations; `auto` follows the time range. */
    options: z
      .array(z.string().regex(/^(auto|(\d+(ms|[smhdwy]))+)$/, 'a duration, or auto'))
      .min(1)
      .max(50),
    value: chosen.default([]),
  }),
  z.strictObject({
    type: z.literal('text'),
    name: variableName,
    label: text(200).optional(),
    value: chosen.default([]),
  }),
]);

const time = z.string().regex(/^[\w:.+\- ]{1,40}$/, 'a time such as now-6h');

const dashboard = z
  .strictObject({
    title,
    description: text(2000).optional(),
    range: z.strictObject({ from: time, to: time }).optional(),
    /** A duration. */
    refresh: z
      .string()
      .regex(/^\d{1,5}[smh]$/, 'a duration such as 30s')
      .optional(),
    variables: z.array(variable).max(50).default([]),
    panels: z.array(panel).max(200).default([]),
  })
  .superRefine(({ variables }, context) => {
    const names = variables.map(({ name }) => name);
    const twice = names.findIndex((name, i) => names.indexOf(name) !== i);
    if (twice >= 0)
      context.addIssue({ code: 'custom', path: ['variables', twice, 'name'], message: 'it is there twice' });
  });

export type Dashboard = z.infer<typeof dashboard>;
export type Panel = Dashboard['panels'][number];
export type Variable = Dashboard['variables'][number];

/** The dashboard that a body holds, with its defaults. Throws a 400 that names the field. */
export function dashboardFrom(body: unknown, at = 'the dashboard'): Dashboard {
  const parsed = dashboard.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue && issue.path.length > 0 ? `${at}'s ${issue.path.join('.')}` : at;
    throw new HttpError(400, 'bad_data', `${field}: ${issue?.message ?? 'is not valid'}`);
  }
  const bytes = Buffer.byteLength(JSON.stringify(parsed.data));
  if (bytes > mostBytes)
    throw new HttpError(400, 'bad_data', `${at} has ${bytes} bytes as JSON, at most ${mostBytes}`);
  return parsed.data;
}
