import { useState } from 'preact/hooks';
import { getJson } from '../../api/client';
import { useQuery } from '../../api/use-query';
import { Shown } from '../../app/states';
import { Scroll } from '../../table/scroll';

interface Setting {
  readonly environment: string;
  readonly value: unknown;
  readonly source: string | null;
  readonly meaning: string;
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What the process was started with, asked for when it is opened; secrets come masked. */
export function Settings() {
  const [open, setOpen] = useState(false);
  const found = useQuery(open ? 'settings' : null, (signal) =>
    getJson<{ settings: readonly Setting[] }>('/api/admin/config', {}, signal),
  );
  return (
    <section class="card" aria-labelledby="settings">
      <h2 id="settings">Settings</h2>
      <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>What this process was started with</summary>
        <Shown query={found} what="Reading settings">
          {({ settings }) => (
            <Scroll label="Table of settings" class="history">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Setting</th>
                    <th scope="col">Value</th>
                    <th scope="col">From</th>
                    <th scope="col">Meaning</th>
                  </tr>
                </thead>
                <tbody>
                  {settings.map(({ environment, value, source, meaning }) => (
                    <tr key={environment}>
                      <td class="mono">{environment}</td>
                      <td class="mono">{shown(value)}</td>
                      <td class="faint">{source}</td>
                      <td>{meaning}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          )}
        </Shown>
      </details>
    </section>
  );
}
