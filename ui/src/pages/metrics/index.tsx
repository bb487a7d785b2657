import { setParams, useLocation } from '../../app/location';
import { Catalog } from './catalog';
import { forms, QueryPanel, type Form } from './query-panel';
import '../../style/traces.css';
import '../../style/metrics.css';

interface Panel {
  readonly query: string;
  readonly form: Form;
}

/** Panels in the address: `q`, `q2`, … and `as`, `as2`, … */
function panelsIn(params: URLSearchParams): Panel[] {
  const panels: Panel[] = [];
  for (let i = 1; i <= 12; i++) {
    const query = params.get(i === 1 ? 'q' : `q${i}`);
    if (query === null && i > 1) break;
    const form = params.get(i === 1 ? 'as' : `as${i}`);
    panels.push({ query: query ?? '', form: forms.find((one) => one === form) ?? 'lines' });
  }
  return panels;
}

function show(panels: readonly Panel[]): void {
  const changes: Record<string, string | null> = {};
  for (let i = 1; i <= 12; i++) {
    const panel = panels[i - 1];
    changes[i === 1 ? 'q' : `q${i}`] = panel?.query || null;
    changes[i === 1 ? 'as' : `as${i}`] = panel && panel.form !== 'lines' ? panel.form : null;
  }
  setParams(changes);
}

export default function Metrics() {
  const { params } = useLocation();
  const panels = panelsIn(params);
  const choose = (query: string) => {
    const [first, ...rest] = panels;
    show([{ query, form: first?.form === 'heatmap' ? 'lines' : (first?.form ?? 'lines') }, ...rest]);
  };
  return (
    <>
      <h1 class="visually-hidden">Metrics</h1>
      <div class="metrics-body">
        <Catalog choose={choose} />
        <div class="panels">
          {panels.map(({ query, form }, at) => (
            <QueryPanel
              key={at}
              query={query}
              form={form}
              change={(next, as) =>
                show(panels.map((one, i) => (i === at ? { query: next, form: as } : one)))
              }
              {...(panels.length > 1 ? { remove: () => show(panels.filter((_one, i) => i !== at)) } : {})}
            />
          ))}
          {panels.length < 12 && panels[0]?.query !== '' && (
            <button
              type="button"
              onClick={() => show([...panels, { query: panels.at(-1)?.query ?? '', form: 'lines' }])}
            >
              Add a query
            </button>
          )}
        </div>
      </div>
    </>
  );
}
