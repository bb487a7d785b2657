import { sendJson } from './client';

export interface SqlResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly truncated: boolean;
}

export async function runSql(sql: string, maxRows: number, signal: AbortSignal): Promise<SqlResult> {
  return await sendJson<SqlResult>('POST', '/api/admin/sql', { sql, maxRows }, signal);
}
