// A node:test reporter that gives only the totals, as JSON: { tests, pass, fail, cancelled, skipped, todo }.
const names = ['tests', 'pass', 'fail', 'cancelled', 'skipped', 'todo'];

export default async function* counts(source) {
  const totals = Object.fromEntries(names.map((name) => [name, 0]));
  for await (const { type, data } of source) {
    if (type !== 'test:diagnostic' || data.nesting !== 0) continue;
    const match = /^(\w+) (\d+)$/.exec(data.message);
    if (match && match[1] in totals) totals[match[1]] = Number(match[2]);
  }
  yield JSON.stringify(totals);
}
