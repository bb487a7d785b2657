import { setTimeout as sleep } from 'node:timers/promises';
import type { SqlResult } from '../lake/index.js';
import { errorMessage, type Client, type ClientResponse } from './client.js';
import { smokeValues, type SmokeData } from './smoke-data.js';

export interface StepResult {
  readonly name: string;
  readonly status: 'ok' | 'failed' | 'skipped';
  readonly milliseconds: number;
  /** Why it failed or was skipped. */
  readonly reason?: string;
}

export interface SmokeKeys {
  readonly api?: string | undefined;
  readonly admin?: string | undefined;
}

/** Thrown by a step that can't be run here; the rest goes on. */
class SkipStep extends Error {}

/** Runs steps one after the other until one fails. */
export class StepRunner {
  readonly results: StepResult[] = [];

  constructor(private readonly report: (result: StepResult) => void) {}

  get failed(): boolean {
    return this.results.some(({ status }) => status === 'failed');
  }

  async step(name: string, work: () => Promise<void>): Promise<void> {
    if (this.failed) return;
    const begun = performance.now();
    let outcome: Pick<StepResult, 'status' | 'reason'> = { status: 'ok' };
    try {
      await work();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      outcome = { status: error instanceof SkipStep ? 'skipped' : 'failed', reason };
    }
    const result = { name, milliseconds: Math.round(performance.now() - begun), ...outcome };
    this.results.push(result);
    this.report(result);
  }
}

/** Polls until `check` gives no complaint any more; rejects with the last one after `timeoutMs`. */
async function until(check: () => Promise<string | null>, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const complaint = await check();
    if (complaint === null) return;
    if (Date.now() > deadline) throw new Error(`${complaint} (waited ${timeoutMs / 1000} s)`);
    await sleep(100);
  }
}

function expectOk(response: ClientResponse, what: string): void {
  if (response.status < 200 || response.status > 299) {
    throw new Error(`${what} answered ${response.status}: ${errorMessage(response)}`);
  }
}

/** The checks of one server. `timeoutMs` bounds each wait for visibility. */
export class SmokeSteps {
  constructor(
    private readonly client: Client,
    private readonly keys: SmokeKeys,
    private readonly data: SmokeData,
    private readonly timeoutMs: number,
  ) {}

  async send(): Promise<void> {
    for (const { path, body } of this.data.requests) {
      const response = await this.client.call(path, { body, key: this.keys.api });
      expectOk(response, path);
      const { partialSuccess } = response.json() as { partialSuccess?: { errorMessage?: string } };
      if (partialSuccess?.errorMessage)
        throw new Error(`${path} rejected records: ${partialSuccess.errorMessage}`);
    }
  }

  async logs(): Promise<void> {
    const query = new URLSearchParams({ query: `{service_name="${this.data.service}"}`, since: '1h' });
    await until(async () => {
      const response = await this.client.call(`/loki/api/v1/query_range?${query.toString()}`, {
        key: this.keys.api,
      });
      expectOk(response, 'the Loki API');
      const { data } = response.json() as { data: { result: { values: unknown[] }[] } };
      const lines = data.result.reduce((sum, { values }) => sum + values.length, 0);
      return lines === 1 ? null : `the Loki API gives ${lines} lines instead of 1`;
    }, this.timeoutMs);
  }

  async traces(): Promise<void> {
    await until(async () => {
      const response = await this.client.call(`/api/traces/${this.data.traceId}`, {
        key: this.keys.api,
        headers: { accept: 'application/json' },
      });
      if (response.status === 404) return 'the Tempo API does not have the trace';
      expectOk(response, 'the Tempo API');
      const found = response.text.includes('"smoke"');
      return found ? null : 'the Tempo API gives the trace without its span';
    }, this.timeoutMs);
    const query = new URLSearchParams({ q: `{ resource.service.name = "${this.data.service}" }` });
    await until(async () => {
      const response = await this.client.call(`/api/search?${query.toString()}`, { key: this.keys.api });
      expectOk(response, 'the Tempo search');
      const { traces = [] } = response.json() as { traces?: unknown[] };
      return traces.length === 1 ? null : `the Tempo search gives ${traces.length} traces instead of 1`;
    }, this.timeoutMs);
  }

  async metrics(): Promise<void> {
    const { metric } = this.data;
    const expected: Readonly<Record<string, number>> = {
      [`${metric}_gauge`]: smokeValues.gauge,
      [`${metric}_counter_total`]: smokeValues.counter,
      [`${metric}_histogram_count`]: smokeValues.histogramCount,
      [`${metric}_histogram_bucket{le="5"}`]: 3,
      [`${metric}_summary_count`]: smokeValues.summaryCount,
      [`${metric}_summary{quantile="0.5"}`]: 2,
      [`${metric}_exponential_count`]: 3,
    };
    for (const [promql, value] of Object.entries(expected)) {
      const query = new URLSearchParams({ query: promql });
      await until(async () => {
        const response = await this.client.call(`/api/v1/query?${query.toString()}`, { key: this.keys.api });
        expectOk(response, `the Prometheus API (${promql})`);
        const { data } = response.json() as { data: { result: { value?: [number, string] }[] } };
        const values = data.result.map((sample) => Number(sample.value?.[1]));
        if (values.length === 1 && values[0] === value) return null;
        return `the Prometheus API gives [${values.join(', ')}] for ${promql} instead of ${value}`;
      }, this.timeoutMs);
    }
  }

  async checkpoint(): Promise<void> {
    const path = '/api/admin/maintenance/checkpoint';
    const response = await this.client.call(path, {
      method: 'POST',
      key: this.keys.admin,
      timeoutMs: 120_000,
    });
    if (response.status === 401) throw new SkipStep('no admin key');
    if (response.status === 409) throw new SkipStep('maintenance is busy or paused');
    expectOk(response, 'CHECKPOINT');
    const { status } = response.json() as { status: string };
    if (status !== 'ok') throw new Error(`CHECKPOINT ended with ${status}`);
  }

  /** Each table holds exactly the rows that were sent: none lost, none twice. */
  async count(): Promise<void> {
    for (const [table, rows] of Object.entries(this.data.rows)) {
      const sql = `SELECT count(*) FROM lake.${table} WHERE service_name = '${this.data.service}'`;
      const response = await this.client.call('/api/admin/sql', { body: { sql }, key: this.keys.admin });
      if (response.status === 401) throw new SkipStep('no admin key');
      expectOk(response, 'SQL');
      const found = (response.json() as SqlResult).rows[0]?.[0];
      if (found !== rows) throw new Error(`table ${table} has ${String(found)} rows of ${rows}`);
    }
  }
}
