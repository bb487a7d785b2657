import assert from 'node:assert/strict';

/** What the web pages keep and read through a node, whatever catalog it has. */
export async function assertPagesApi(url: string): Promise<void> {
  const send = async (method: string, path: string, body?: object) => {
    const response = await fetch(url + path, {
      method,
      ...(body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
    });
    return { status: response.status, text: await response.text() };
  };
  const path = '/api/dashboards/shared';
  const made = await send('PUT', path, { dashboard: { title: 'one' } });
  assert.equal(made.status, 200, made.text);
  const changed = await send('PUT', path, { dashboard: { title: 'two' }, revision: 1 });
  assert.equal(changed.status, 200, changed.text);
  assert.equal((await send('PUT', path, { dashboard: { title: 'late' }, revision: 1 })).status, 409);
  const { dashboards } = JSON.parse((await send('GET', '/api/dashboards')).text) as {
    dashboards: { title: string }[];
  };
  assert.deepEqual(
    dashboards.map(({ title }) => title),
    ['two'],
  );
  const list = async (what: 'files' | 'snapshots') => {
    const answer = await send('GET', `/api/admin/catalog/${what}`);
    assert.equal(answer.status, 200, answer.text);
    return (JSON.parse(answer.text) as Record<typeof what, object[]>)[what];
  };
  assert.ok(Array.isArray(await list('files')));
  assert.ok((await list('snapshots')).length > 0);
  for (const what of ['catalog', 'catalog/backups', 'maintenance', 'config', 'health/storage']) {
    const answer = await send('GET', `/api/admin/${what}`);
    assert.equal(answer.status, 200, `${what}: ${answer.text}`);
  }
}
