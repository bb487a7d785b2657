import { useEffect, useState } from 'preact/hooks';
import { runSql } from '../../api/sql';
import { useQuery } from '../../api/use-query';
import { useParam } from '../../app/location';
import { Empty, Shown } from '../../app/states';
import { CodeField } from '../../editor/editor';
import { Result } from './result';
import { readSaved, writeSaved } from './saved';
import { Schema } from './schema';
import '../../style/metrics.css';
import '../../style/sql.css';

const example = `SELECT service_name, count(*) AS spans, quantile_cont(duration, 0.95) AS p95
FROM lake.spans
WHERE timestamp > now() - INTERVAL 1 HOUR
GROUP BY ALL
ORDER BY spans DESC`;

const maxRows = 10_000;

export default function Sql() {
  const [sql, setSql] = useParam('sql');
  const [draft, setDraft] = useState(sql);
  const [runs, setRuns] = useState(0);
  const [saved, setSaved] = useState(readSaved);
  useEffect(() => setDraft(sql), [sql]);
  const result = useQuery(sql === '' ? null : `${sql} ${runs}`, (signal) => runSql(sql, maxRows, signal));
  const run = (text: string) => {
    setSql(text.trim());
    setRuns((value) => value + 1);
  };
  const keep = (next: ReturnType<typeof readSaved>) => {
    writeSaved(next);
    setSaved(next);
  };
  return (
    <>
      <h1 class="visually-hidden">SQL</h1>
      <div class="metrics-body">
        <Schema insert={run} />
        <div class="panels">
          <div class="card sql-field">
            <CodeField
              language="sql"
              label="SQL statement"
              value={draft}
              lines={6}
              run={run}
              change={setDraft}
            />
            <div class="row">
              <button type="button" class="primary" disabled={draft.trim() === ''} onClick={() => run(draft)}>
                Run (Ctrl-Enter)
              </button>
              <button
                type="button"
                disabled={draft.trim() === '' || saved.some((one) => one.sql === draft)}
                onClick={() =>
                  keep([{ name: draft.trim().split('\n', 1)[0]?.slice(0, 60) ?? '', sql: draft }, ...saved])
                }
              >
                Save in this browser
              </button>
              {saved.map((one) => (
                <span key={one.sql} class="chip row">
                  <button type="button" class="plain" title={one.sql} onClick={() => run(one.sql)}>
                    {one.name}
                  </button>
                  <button
                    type="button"
                    class="plain"
                    aria-label={`Forget ${one.name}`}
                    onClick={() => keep(saved.filter((other) => other !== one))}
                  >
                    ✕
                  </button>
                </span>
              ))}
            </div>
          </div>
          {sql === '' ? (
            <Empty>
              <p>Everything that is stored can be read by SQL; nothing can be changed.</p>
              <button type="button" onClick={() => run(example)}>
                Run an example: spans and p95 by service
              </button>
            </Empty>
          ) : (
            <Shown query={result} what="Running">
              {(data) => <Result key={runs} result={data} />}
            </Shown>
          )}
        </div>
      </div>
    </>
  );
}
