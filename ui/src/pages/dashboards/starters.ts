import type { Dashboard, Panel } from '../../api/dashboards';

export const emptyDashboard: Dashboard = { title: 'New dashboard', variables: [], panels: [] };

export const newPanel: Panel = {
  title: 'New panel',
  kind: 'lines',
  width: 6,
  height: 7,
  unit: 'none',
  queries: [{ language: 'promql', text: '' }],
};

const ofService = 'resource.service.name =~ "$service"';
const served = `{ ${ofService} && kind = server }`;

/** How services do, of spans and logs alone: something that shows data wherever there are some. */
export const servicesDashboard: Dashboard = {
  title: 'Services',
  range: { from: 'now-3h', to: 'now' },
  variables: [
    {
      type: 'query',
      name: 'service',
      label: 'Service',
      language: 'traceql',
      of: 'resource.service.name',
      multi: true,
      all: true,
      value: [],
    },
  ],
  panels: [
    {
      ...{ title: 'Requests', kind: 'stacked', width: 6, height: 7, unit: 'perSecond' },
      queries: [
        {
          language: 'traceql',
          text: `${served} | rate() by (resource.service.name)`,
          legend: '{{resource.service.name}}',
        },
      ],
    },
    {
      ...{ title: 'Failed requests', kind: 'stacked', width: 6, height: 7, unit: 'perSecond' },
      queries: [
        {
          language: 'traceql',
          text: `{ ${ofService} && status = error } | rate() by (resource.service.name)`,
          legend: '{{resource.service.name}}',
        },
      ],
    },
    {
      ...{ title: 'p95 of requests', kind: 'lines', width: 6, height: 7, unit: 'seconds' },
      queries: [
        {
          language: 'traceql',
          text: `${served} | quantile_over_time(duration, 0.95) by (resource.service.name)`,
          legend: '{{resource.service.name}}',
        },
      ],
    },
    {
      ...{ title: 'Lines by level', kind: 'stacked', width: 6, height: 7, unit: 'none' },
      queries: [
        {
          language: 'logql',
          text: 'sum by (level) (count_over_time({service_name=~"$service"}[$__auto]))',
          legend: '{{level}}',
        },
      ],
    },
    {
      ...{ title: 'Newest errors', kind: 'logs', width: 12, height: 7, unit: 'none' },
      queries: [{ language: 'logql', text: '{service_name=~"$service", level=~"error|fatal|critical"}' }],
    },
    {
      ...{ title: 'Failed traces', kind: 'table', width: 12, height: 6, unit: 'none' },
      queries: [{ language: 'traceql', text: `{ ${ofService} && status = error }` }],
    },
  ],
};
