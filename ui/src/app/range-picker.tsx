import { useState } from 'preact/hooks';
import { setParams } from './location';
import { Popover } from './popover';
import { setRange, useRange, type Range } from './range';
import { formatTime, parseTime, presets } from './time';

function named(range: Range): string {
  const preset = range.to === 'now' && presets.find(([from]) => from === range.from);
  if (preset) return preset[1];
  const shown = (text: string, ms: number) =>
    text.startsWith('now') ? text : formatTime(ms, range.utc, false);
  return `${shown(range.from, range.startMs)} to ${shown(range.to, range.endMs)}`;
}

const localZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const refreshes = ['', '5s', '10s', '30s', '1m', '5m'];

export function RangePicker() {
  const range = useRange();
  const half = (range.endMs - range.startMs) / 2;
  return (
    <div class="range segments" role="group" aria-label="Time">
      <button
        type="button"
        title="Earlier by half of the range"
        aria-label="Earlier"
        onClick={() => setRange(range.startMs - half, range.endMs - half)}
      >
        ‹
      </button>
      <Popover label={<span class="range-name">{named(range)}</span>} title="Time range">
        {(close) => <Choice range={range} close={close} />}
      </Popover>
      <button
        type="button"
        title="Later by half of the range"
        aria-label="Later"
        onClick={() => setRange(range.startMs + half, range.endMs + half)}
      >
        ›
      </button>
      <button
        type="button"
        title="Twice the range"
        aria-label="Zoom out"
        onClick={() => setRange(range.startMs - half, Math.min(range.endMs + half, Date.now()))}
      >
        −
      </button>
      <button type="button" title="Look again (r)" aria-label="Refresh" onClick={range.refresh}>
        ↻
      </button>
      <select
        aria-label="Refresh by itself"
        title="Refresh by itself"
        value={refreshes.find((text) => text !== '' && range.refreshMs === parseRefresh(text)) ?? ''}
        onChange={(event) => setParams({ refresh: event.currentTarget.value })}
      >
        {refreshes.map((text) => (
          <option key={text} value={text}>
            {text === '' ? 'refresh: off' : `every ${text}`}
          </option>
        ))}
      </select>
    </div>
  );
}

function parseRefresh(text: string): number {
  return Number(text.slice(0, -1)) * (text.endsWith('m') ? 60_000 : 1000);
}

function Choice({ range, close }: { readonly range: Range; readonly close: () => void }) {
  const shown = (text: string, ms: number) =>
    text.startsWith('now') ? text : formatTime(ms, range.utc, false);
  const [from, setFrom] = useState(shown(range.from, range.startMs));
  const [to, setTo] = useState(shown(range.to, range.endMs));
  const [problem, setProblem] = useState('');
  const apply = (event: Event) => {
    event.preventDefault();
    const now = Date.now();
    const start = parseTime(from, now, range.utc);
    const end = parseTime(to, now, range.utc);
    if (start === null || end === null) {
      setProblem(`${start === null ? 'From' : 'To'}: write now-2h, or 2026-01-31 14:05`);
    } else if (start >= end) {
      setProblem('From must be before To.');
    } else {
      setRange(from.startsWith('now') ? from.trim() : start, to.startsWith('now') ? to.trim() : end);
      close();
    }
  };
  return (
    <div class="range-choice">
      <ul>
        {presets.map(([start, name]) => (
          <li key={start}>
            <button
              type="button"
              class="plain"
              onClick={() => {
                setRange(start, 'now');
                close();
              }}
            >
              {name}
            </button>
          </li>
        ))}
      </ul>
      <form onSubmit={apply}>
        <label>
          From <input value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
        </label>
        <label>
          To <input value={to} onInput={(event) => setTo(event.currentTarget.value)} />
        </label>
        {problem !== '' && <p class="bad-text">{problem}</p>}
        <button type="submit" class="primary">
          Apply
        </button>
        <label class="check">
          <input
            type="checkbox"
            checked={range.utc}
            onChange={(event) => setParams({ tz: event.currentTarget.checked ? 'utc' : null })}
          />
          UTC (else {localZone})
        </label>
      </form>
    </div>
  );
}
