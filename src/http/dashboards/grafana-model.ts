import { z } from 'zod';

/** What is read of Grafana's dashboards (the classic model); a field of another type counts as left out. */

const text = z.string().optional().catch(undefined);
const number = z.number().optional().catch(undefined);
const flag = z.boolean().optional().catch(undefined);
const list = <T extends z.ZodType>(of: T) =>
  z
    .array(z.unknown())
    .catch([])
    .transform((all) =>
      all.flatMap((one) => {
        const parsed = of.safeParse(one);
        return parsed.success ? [parsed.data] : [];
      }),
    );

/** A name or uid as text in old dashboards, an object later; `type` is the plugin's id. */
const datasource = z
  .union([z.string().transform((uid) => ({ uid, type: undefined })), z.object({ uid: text, type: text })])
  .nullish()
  .catch(undefined);
export type Datasource = z.infer<typeof datasource>;

const filter = z.object({
  scope: text,
  tag: text,
  operator: text,
  value: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .catch(undefined),
  valueType: text,
});

const target = z.object({
  datasource,
  hide: flag,
  expr: text,
  query: text,
  queryType: text,
  filters: list(filter),
  legendFormat: text,
  rawSql: text,
});
export type Target = z.infer<typeof target>;

const simplePanel = z.object({
  type: text,
  title: text,
  datasource,
  gridPos: z.object({ x: number, y: number, w: number, h: number }).optional().catch(undefined),
  span: number,
  targets: list(target),
  stack: flag,
  repeat: text,
  transformations: list(z.unknown()),
  alert: z.unknown().optional(),
  fieldConfig: z
    .object({
      defaults: z
        .object({
          unit: text,
          custom: z
            .object({ stacking: z.object({ mode: text }).optional().catch(undefined) })
            .optional()
            .catch(undefined),
        })
        .optional()
        .catch(undefined),
      overrides: list(z.unknown()),
    })
    .optional()
    .catch(undefined),
  format: text,
  yaxes: list(z.object({ format: text })),
});
const panel = simplePanel.extend({ panels: list(simplePanel) });
export type GrafanaPanel = z.infer<typeof simplePanel> & {
  readonly panels?: readonly z.infer<typeof simplePanel>[];
};

const value = z
  .union([
    z.string().transform((one) => [one]),
    z.number().transform((one) => [String(one)]),
    z.array(z.string()),
  ])
  .optional()
  .catch(undefined);

const variable = z.object({
  name: text,
  label: text.or(z.null()),
  type: text,
  /** Text, or an object whose form depends on the data source. */
  query: z.unknown().optional(),
  definition: text,
  datasource,
  regex: text,
  multi: flag,
  includeAll: flag,
  auto: flag,
  current: z.object({ value }).optional().catch(undefined),
  options: list(z.object({ value })),
});
export type GrafanaVariable = z.infer<typeof variable>;

export const grafanaDashboard = z.object({
  title: text,
  description: text,
  panels: list(panel),
  rows: list(z.object({ title: text, panels: list(simplePanel) })),
  templating: z
    .object({ list: list(variable) })
    .optional()
    .catch(undefined),
  annotations: z
    .object({ list: list(z.object({ builtIn: z.unknown().optional(), name: text })) })
    .optional()
    .catch(undefined),
  links: list(z.unknown()),
  time: z.object({ from: text, to: text }).optional().catch(undefined),
  refresh: text.or(z.literal(false)),
  __inputs: list(z.object({ name: text, pluginId: text })),
});
export type GrafanaDashboard = z.infer<typeof grafanaDashboard>;

/** Of variables of data sources that have forms of their own (Loki, Prometheus, Tempo). */
export const variableQuery = z.object({
  query: text,
  label: text,
  stream: text,
  type: number,
  qryType: number,
});
