import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { mayHaveColumn } from '../../lake/attribute-columns/index.js';
import { rowsOfTable } from '../../lake/direct/rows.js';
import { exprFields } from './plan/fields.js';
import { filterSql } from './plan/filter.js';
import { parseSpansetQuery } from './syntax/parser.js';
import { search } from './api/search.js';
import { drawSpans, epoch } from './trace-text.test.support.js';

const spans = drawSpans(`
  trace a
    front svc=web kind=server dur=120ms http.request.method=GET http.route=/cart http.response.status_code=200 r:host.name=h1 r:deployment.environment.name=prod
      auth kind=client at=5ms dur=10ms flag=true retries=3
      cart svc=cart kind=server at=20ms dur=80ms status=error msg=broken ratio=0.5 http.response.status_code=500
        db1 kind=client at=25ms dur=20ms db.system.name=postgresql rows=12
        db2 kind=client at=50ms dur=30ms db.system.name=redis rows=7 tags=["x","y"]
          net kind=internal at=55ms dur=1ms scope=net@1.2 s:pool=a
  trace b
    job svc=worker kind=consumer at=1000ms dur=2000ms status=ok big=9007199254740993 text="200" num=200
      step1 at=1100ms dur=100ms event={"name":"exception","time_unix_nano":"${epoch + 1_150_000_000n}","attributes":{"exception.type":"IOError","n":1}} event={"name":"retry","time_unix_nano":"${epoch + 1_160_000_000n}","attributes":{"n":2}}
      step2 at=1300ms dur=100ms kind=producer link={"trace_id":"0000000000000000000000000000000a","span_id":"0000000000000001","attributes":{"why":"batch"}}
        flush at=1310ms dur=5ms double=1.0 empty="" service.name=shadow
  trace c
    orphan svc=web at=2000ms dur=1ms parent=00000000000000ff o'brien=x quoted="a\\"b" accent=é weird"key=1 a/b~c=1 map={"k":1,"l":[true,{"é\\"":null}]} nothing=null
    ⊕late svc=late at=2000ms parent=00000000000000ff mixed=[1,null,{"a":2.5}]
`);

/** Which spans each query finds, over all traces. Every line runs against DuckLake, then through the evaluator. */
const cases = `
  {}                                                    => front auth cart db1 db2 net job step1 step2 flush orphan ⊕late
  { true }                                              => front auth cart db1 db2 net job step1 step2 flush orphan ⊕late
  { false }                                             =>

  # intrinsics
  { name = "cart" }                                     => cart
  { span:name =~ "db." }                                => db1 db2
  { name =~ "db" }                                      =>
  { name = "a\\u0000" }                                 =>
  { name !~ "db.|step.|.*o.*" }                         => auth cart net flush ⊕late
  { status = error }                                    => cart
  { status != unset }                                   => cart job
  { kind = client }                                     => auth db1 db2
  { span:kind = producer }                              => step2
  { statusMessage = "broken" }                          => cart
  { statusMessage != "" }                               => cart
  { duration > 100ms }                                  => front job
  { duration >= 100ms && duration <= 120ms }            => front step1 step2
  { duration = 0.1s }                                   => step1 step2
  { 1s < duration }                                     => job
  { span:id = "0000000000000003" }                      => cart
  { trace:id = "0000000000000000000000000000000b" && kind = producer } => step2
  { span:parentID = "0000000000000003" }                => db1 db2
  { rootName = "front" && kind = client }               => auth db1 db2
  { rootServiceName = "worker" }                        => job step1 step2 flush
  { rootServiceName =~ "w.*" && name = "net" }          => net
  { traceDuration > 1s && kind = producer }             => step2
  { trace:duration < 200ms && status = error }          => cart
  { childCount = 2 }                                    => front cart job
  { span:childCount > 1 && name = "front" }             => front
  { nestedSetParent < 0 }                               => front job
  { nestedSetParent = -1 && kind = server }             => front
  { nestedSetParent > 0 && kind = server }              => cart
  { nestedSetLeft = 1 }                                 => front job
  { instrumentation:name = "net" }                      => net
  { instrumentation:version != "1.1" }                  => front auth cart db1 db2 net job step1 step2 flush orphan ⊕late
  { instrumentation:version != "1.1" && name = "net" }  => net
  { instrumentation:name = "" && kind = producer }      => step2
  { instrumentation:name != nil }                       => net
  { instrumentation:name = nil && kind = producer }     => step2
  { span:parentID = nil }                               => front job
  { rootName != "front" }                               => job step1 step2 flush orphan ⊕late
  { rootServiceName = "" }                              => orphan ⊕late
  { rootName =~ ".*" && kind = unspecified }            => step1 flush orphan ⊕late
  { rootName = nil }                                    => orphan ⊕late
  { rootName != nil && kind = producer }                => step2
  { trace:id = "B" && kind = producer }                 => step2
  { "b" = trace:id && span:parentID != "7" && name = "flush" } => flush
  { span:id = "3" }                                     => cart
  { link:traceID = "a" }                                => step2
  { instrumentation.pool = "a" }                        => net

  # attributes and their types
  { .http.route = "/cart" }                             => front
  { span.http.route = "/cart" }                         => front
  { resource.http.route = "/cart" }                     =>
  { span.http.response.status_code = 500 }              => cart
  { .http.response.status_code >= 200 }                 => front cart
  { span.http.response.status_code = "500" }            =>
  { span.http.response.status_code = 500.0 }            => cart
  { span.text = "200" }                                 => job
  { span.text = 200 }                                   =>
  { span.num = 200 }                                    => job
  { span.num = "200" }                                  =>
  { span.big = 9007199254740993 }                       => job
  { span.big = 9007199254740992 }                       =>
  { span.big > 9007199254740992 }                       => job
  { span.ratio = 0.5 }                                  => cart
  { span.ratio < 1 }                                    => cart
  { span.double = 1 }                                   => flush
  { span.flag = true }                                  => auth
  { .flag }                                             => auth
  { !.flag }                                            =>
  { .flag != true }                                     =>
  { span.empty = "" }                                   => flush
  { resource.service.name = "cart" }                    => cart db1 db2 net
  { .service.name = "cart" }                            => cart db1 db2 net
  { .service.name = "shadow" }                          => flush
  { .service.name = "worker" }                          => job step1 step2
  { resource.service.name = "worker" && kind=producer } => step2
  { resource.host.name = "h1" }                         => front
  { resource.deployment.environment.name =~ "pr.*" }    => front
  { span."o'brien" = "x" }                              => orphan
  { span."weird\\"key" = 1 }                            => orphan
  { span."a/b~c" = 1 }                                  => orphan
  { span.quoted = "a\\"b" }                             => orphan
  { .accent = "é" }                                     => orphan
  { span.map.k = 1 }                                    =>
  { span.rows > 7 }                                     => db1
  { span.rows != 7 }                                    => db1
  { 7 != span.rows }                                    => db1
  { span.tags = "x" }                                   => db2
  { span.tags != "x" }                                  =>
  { span.tags != "z" }                                  => db2
  { span.tags =~ "x|z" }                                => db2
  { span.tags !~ "x|z" }                                =>

  # events and links: all conditions on one of them
  { event:name = "retry" }                              => step1
  { event:name = "retry" && event.n = 2 }               => step1
  { event:name = "retry" && event.n = 1 }               =>
  { event.n = 1 && event.n = 2 }                        =>
  { event.n = 1 || event.n = 3 }                        => step1
  { event:name != "retry" && event:name != "exception" } =>
  { event:name = "exception" && event.exception.type = nil } =>
  { event:name = "retry" && event.exception.type = nil } => step1
  { event.exception.type = nil && name =~ "step." }     => step2
  { !(event:name = "retry" && event.n = 1) && name = "step1" } => step1
  { event:name = "retry" && event:timeSinceStart > 55ms } => step1
  { event:name = "exception" && event:timeSinceStart > 55ms } =>
  { event:name = "retry" || name = "step2" }            => step1 step2
  { event.n > 0 && event.n < 0 || name = "flush" }      => flush
  { link.why = "batch" && link:spanID = "1" }           => step2
  { link.why = "batch" && link:spanID = "2" }           =>
  { event:name = "retry" } | { event:name = "exception" } => step1

  # absence
  { span.rows != nil }                                  => db1 db2
  { nil != span.rows }                                  => db1 db2
  { span.rows = nil && kind = client }                  => auth
  { span.map != nil }                                   => orphan
  { span.nothing != nil }                               =>
  { resource.host.name != nil }                         => front
  { event.n != nil }                                    => step1
  { parent = nil }                                      => front job
  { parent != nil && name = "step1" }                   => step1
  { !(span.rows = 7) && kind = client }                 => auth db1

  # logic and arithmetic
  { kind = client && span.rows > 10 }                   => db1
  { span.rows = 12 || span.rows = 7 }                   => db1 db2
  { span.rows = 12 || span.rows = 7 && false }          =>
  { span.rows = 12 || (span.rows = 7 && false) }        => db1
  { span.rows * 2 + 1 = 25 }                            => db1
  { 1 + span.rows * 2 = 25 }                            => db1
  { span.rows % 5 = 2 }                                 => db1 db2
  { -span.rows = -7 }                                   => db2
  { span.rows ^ 2 = 49 }                                => db2
  { duration * 2 > 3s }                                 => job
  { duration > 50ms + 60ms }                            => front job
  { span.rows + span.missing > 0 }                      =>

  # events, links, parents
  { event:name = "exception" }                          => step1
  { event:name != "exception" }                         => step1
  { event.exception.type =~ "IO.*" }                    => step1
  { event.n > 1 }                                       => step1
  { event.n > 2 }                                       =>
  { event:timeSinceStart >= 60ms }                      => step1
  { event:timeSinceStart > 60ms }                       =>
  { link:traceID = "0000000000000000000000000000000a" } => step2
  { link.why = "batch" }                                => step2
  { parent.http.route = "/cart" }                       => auth cart
  { parent.span.http.response.status_code = 500 }       => db1 db2
  { parent.resource.service.name = "web" }              => auth cart
  { parent.rows = nil && name = "db1" }                 => db1

  # spansets
  { name = "front" } && { name = "net" }                => front net
  { name = "front" } && { name = "job" }                =>
  { name = "front" } || { name = "job" }                => front job
  { name = "front" } > { kind = client }                => auth
  { name = "front" } >> { kind = client }               => auth db1 db2
  { name = "cart" } >> { name = "net" }                 => net
  { name = "net" } << { kind = server }                 => front cart
  { name = "net" } < { }                                => db2
  { name = "db1" } ~ { }                                => db2
  { kind = client } ~ { kind = client }                 => db1 db2
  { name = "front" } !> { kind = client }               => db1 db2
  { name = "cart" } !>> { kind = client }               => auth
  { name = "net" } !<< { kind = server }                =>
  { name = "db1" } !~ { kind = client }                 => auth db1
  { name = "nowhere" } !> { kind = client }             => auth db1 db2
  { name = "cart" } &> { kind = client }                => cart db1 db2
  { kind = server } &>> { name = "net" }                => front cart net
  { name = "net" } &<< { kind = server }                => front cart net
  { name = "db1" } &~ { name = "db2" }                  => db1 db2
  { } >> { name = "⊕late" }                             =>
  { name = "orphan" } ~ { name = "⊕late" }              => ⊕late
  { name = "front" } > { name = "cart" } > { name = "db1" } => db1
  ({ name = "front" } &>> { status = error }) || ({ name = "step1" }) | select(status, nestedSetLeft) => front cart step1

  # pipelines
  { kind = client } | count() > 2                       => auth db1 db2
  { kind = client } | count() = 3                       => auth db1 db2
  { kind = client } | count() > 3                       =>
  { name =~ "step." } | avg(duration) = 100ms           => step1 step2
  { kind = client } | max(span.rows) = 12               => auth db1 db2
  { kind = client } | min(span.rows) < 7                =>
  { kind = client } | sum(span.rows) = 19               => auth db1 db2
  { kind = client } | avg(span.rows) > 9                => auth db1 db2
  { kind = producer } | sum(span.rows) >= 0             =>
  { kind = client } | count() + 1 = 4                   => auth db1 db2
  { } | max(duration) > 1s                              => job step1 step2 flush
  count() > 5                                           => front auth cart db1 db2 net
  { kind = client } | { span.rows > 7 }                 => db1
  { kind = client } | by(resource.service.name) | count() = 2 => db1 db2
  { kind = client } | by(resource.service.name) | coalesce() | count() = 3 => auth db1 db2
  ({ kind = client } | count() > 2) && ({ status = error }) => auth db1 db2 cart
  ({ kind = client } | count() > 9) || ({ status = error }) => cart
`;

function expectations(text: string): [string, string[]][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [query = '', names = ''] = line.split(/\s+=>\s*/);
      return [query, names.split(' ').filter(Boolean).sort()];
    });
}

interface Found {
  readonly traces: readonly {
    readonly traceID: string;
    readonly spanSets: readonly {
      readonly spans: readonly { readonly spanID: string; readonly name: string }[];
    }[];
  }[];
}

describe('TraceQL search', () => {
  let lake: TestLake;
  const range = { start: epoch - 1_000_000_000n, end: epoch + 3_600_000_000_000n };

  before(async () => {
    lake = await testLake();
    await lake.insert('spans', spans);
  });
  after(() => lake.close());

  const find = (text: string, limit = 100) =>
    lake.guard.run('test', new AbortController().signal, (ctx) =>
      search(ctx, parseSpansetQuery(text), { range, limit, spansPerSpanset: 0, withSpansets: true }),
    ) as Promise<Found>;

  const names = new Map(spans.map((row) => [row['span_id'], row['span_name'] as string]));

  for (const [query, expected] of expectations(cases)) {
    it(query, async () => {
      const { traces } = await find(query);
      const found = traces.flatMap(({ spanSets }) => spanSets.flatMap((set) => set.spans));
      assert.deepEqual(found.map(({ spanID }) => names.get(spanID)).sort(), expected);
    });
  }

  it('gives by SQL alone what the evaluator gives wherever SQL claims to be exact', async () => {
    let exact = 0;
    for (const [query, expected] of expectations(cases)) {
      const [element, ...more] = parseSpansetQuery(query).pipeline.elements;
      if (element?.kind !== 'filter' || more.length > 0) continue;
      const filter = filterSql(element.condition);
      const fields = exprFields(element.condition);
      const names = fields.flatMap((field) => (field.kind === 'attribute' ? [field.name] : []));
      const keys = [...new Set(names)].filter(mayHaveColumn);
      const from = rowsOfTable({ table: 'spans', from: 0n, until: 0n, keys });
      const result = await lake.connection.runAndReadAll(
        `SELECT span_name FROM ${from} WHERE (${filter.sql}) ORDER BY span_name`,
      );
      const found = result.getRows().map(([name]) => name as string);
      if (filter.exact) {
        exact++;
        assert.deepEqual(found.sort(), expected, query);
      } else {
        assert.deepEqual(
          expected.filter((name) => !found.includes(name)),
          [],
          query,
        );
      }
    }
    assert.ok(exact > 60, `${exact} queries are exact in SQL`);
  });

  it('shows selected maps as JSON and arrays as arrays', async () => {
    const shown = async (query: string) => {
      const { traces } = (await find(query)) as unknown as {
        traces: { spanSets: { spans: { attributes: unknown }[] }[] }[];
      };
      return traces[0]?.spanSets[0]?.spans[0]?.attributes;
    };
    assert.deepEqual(await shown('{ name = "orphan" } | select(span.map)'), [
      { key: 'map', value: { stringValue: '{"k":1,"l":[true,{"\u00e9\\"":null}]}' } },
    ]);
    assert.deepEqual(await shown('{ name = "db2" } | select(span.tags)'), [
      { key: 'tags', value: { arrayValue: { values: [{ stringValue: 'x' }, { stringValue: 'y' }] } } },
    ]);
    assert.deepEqual(await shown('{ name = "⊕late" } | select(span.mixed)'), [
      {
        key: 'mixed',
        value: { arrayValue: { values: [{ intValue: '1' }, {}, { stringValue: '{"a":2.5}' }] } },
      },
    ]);
  });

  it('shows of several events the one that matched', async () => {
    const shown = async (query: string) => {
      const { traces } = (await find(query)) as unknown as {
        traces: { spanSets: { spans: { attributes: unknown }[] }[] }[];
      };
      return traces[0]?.spanSets[0]?.spans[0]?.attributes;
    };
    const [retry, second] = [
      { key: 'event:name', value: { stringValue: 'retry' } },
      { key: 'n', value: { intValue: '2' } },
    ];
    assert.deepEqual(await shown('{ event.n = 2 } | select(event:name)'), [second, retry]);
    assert.deepEqual(await shown('{ event:name = "retry" && event.n > 0 }'), [retry, second]);
    assert.deepEqual(await shown('{ name = "job" } > { event:name = "retry" } | select(event.n)'), [
      retry,
      second,
    ]);
  });

  it('finds traces that overlap the window, wherever their matching span lies', async () => {
    const window = (from: bigint, until: bigint, query: string) =>
      lake.guard.run('test', new AbortController().signal, (ctx) =>
        search(ctx, parseSpansetQuery(query), {
          range: { start: epoch + from * 1_000_000n, end: epoch + until * 1_000_000n },
          ...{ limit: 20, spansPerSpanset: 0, withSpansets: true },
        }),
      ) as Promise<Found>;
    const ids = async (from: bigint, until: bigint, query: string) =>
      (await window(from, until, query)).traces.map(({ traceID }) => traceID.slice(-1)).join('');
    // Trace b lasts from 1000 to 3000 ms, its spans start until 1310 ms; c from 2000 to 2001.
    for (const query of [
      '{}',
      '{ kind = consumer }',
      '{ name = "flush" }',
      '{ kind = consumer } > { name = "step1" }',
    ]) {
      assert.equal(await ids(2500n, 2600n, query), 'b', query);
      assert.equal(await ids(500n, 1050n, query), 'b', query);
      assert.equal(await ids(3001n, 3100n, query), '', query);
      assert.equal(await ids(500n, 1000n, query), '', query);
    }
    assert.equal(await ids(1999n, 2001n, '{}'), 'cb');
  });

  it('gives the newest traces first, up to the limit', async () => {
    const { traces } = await find('{}', 2);
    assert.deepEqual(
      traces.map(({ traceID }) => traceID.slice(-1)),
      ['c', 'b'],
    );
  });
});
