import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { parseLog } from '../syntax/parse.js';
import { compilePipeline } from './compile.js';
import { RowLabels } from './labels.js';

/** What becomes of a row: its new line, and labels that are new or changed (null: gone). */
type Outcome =
  'dropped' | { readonly line?: string; readonly labels?: Readonly<Record<string, string | null>> };
type Case = readonly [
  stages: string,
  line: string,
  outcome: Outcome,
  metadata?: Readonly<Record<string, string>>,
];

/** Stream labels of every row. */
const stream = { app: 'a', env: 'prod' };

const parsers: readonly Case[] = [
  [
    '| json',
    '{"a":1.50,"b":{"c":"x","d":[1,2]},"app":"z","trace_id":"j","n":null,"t":true,"e":"","a b":"s","1x":"d","big":12345678901234567890,"a":"dup"}',
    {
      labels: {
        _1x: 'd',
        a: 'dup',
        a_b: 's',
        app_extracted: 'z',
        b_c: 'x',
        big: '12345678901234567890',
        t: 'true',
        trace_id_extracted: 'j',
      },
    },
  ],
  ['| json', 'nope', { labels: { __error__: 'JSONParserErr' } }],
  ['| json', '{"a":"x","b":', { labels: { __error__: 'JSONParserErr', a: 'x' } }],
  ['| json', '[1,2]', { labels: { __error__: 'JSONParserErr' } }],
  [
    '| json x="a.b[0]", y="c", app="a", z="nope", o="a"',
    '{"a":{"b":["q\\u0041"]},"c":1.50}',
    { labels: { app_extracted: '{"b":["q\\u0041"]}', o: '{"b":["q\\u0041"]}', x: 'qA', y: '1.50', z: '' } },
  ],
  [
    '| json x="[\\"a\\"].b[0]", y="[\\"c d\\"]"',
    '{"a":{"b":["q\\u0041"]},"c d":null}',
    { labels: { x: 'qA', y: '' } },
  ],
  ['| json x="[0].b"', '[{"b":1}]', { labels: { x: '1' } }],
  [
    '| json m="m", t="t", n="n"',
    '{"m":"x","t":"cut off',
    { labels: { __error__: 'JSONParserErr', m: 'x', n: '', t: '' } },
  ],
  ['| json m="m", n="n"', '{"m":"x","t":"cut off', { labels: { m: 'x', n: '' } }],
  ['| logfmt --keep-empty', 'a=1 empty= flag', { labels: { a: '1', empty: '', flag: '' } }],
  [
    '| drop trace_id, app | json',
    '{"trace_id":"j","app":"z"}',
    { labels: { app: null, app_extracted: 'z', trace_id: 'j' } },
  ],
  ['| json x="a"', 'nope', { labels: { __error__: 'JSONParserErr' } }],
  ['| logfmt', 'a=1 b="x \\"y\\"" flag c= d="unterminated app=foo', { labels: { a: '1', b: 'x "y"' } }],
  [
    '| logfmt',
    'a=1 b="x \\"y\\"" flag c= app=foo trace_id=9 k.y=1 é=2',
    { labels: { _: '2', a: '1', app_extracted: 'foo', b: 'x "y"', k_y: '1', trace_id_extracted: '9' } },
  ],
  ['| logfmt --strict', 'a=1 flag b=2 =x', { labels: { __error__: 'LogfmtParserErr', a: '1', b: '2' } }],
  ['| logfmt x="a", b, q="nope"', 'a=1 flag b=3', { labels: { b: '3', q: '', x: '1' } }],
  ['| logfmt app, x="trace_id"', 'app=1 trace_id=3', { labels: { app_extracted: '1', x: '3' } }],
  ['| logfmt', 'a=1 flag b=2 =x c=3', { labels: { a: '1', b: '2', c: '3' } }],
  ['| logfmt', 'a=1 "b c"=2 c=3 d=e"f" g="h"i', { labels: { a: '1', c: '3', g: 'h' } }],
  ['| logfmt', 'a=1 a=2', { labels: { a: '2' } }],
  ['| logfmt', 'a="\\u0041\n" b="\\x"', { labels: { a: 'A\n' } }],
  ['| regexp "(?P<m>\\\\w+) (?P<app>\\\\w+)"', 'foo bar', { labels: { app_extracted: 'bar', m: 'foo' } }],
  ['| regexp "(?P<m>\\\\w+) (?P<app>\\\\w+)"', 'foo', {}],
  ['| regexp "(?P<a>x)(?P<b>y)?"', 'x', { labels: { a: 'x' } }],
  [
    '| pattern "<ip> - <_> \\"<m> <p>\\""',
    '1.2.3.4 - x "GET /a"',
    { labels: { ip: '1.2.3.4', m: 'GET', p: '/a' } },
  ],
  ['| pattern "<ip> - <_> \\"<m> <p>\\""', '1.2.3.4 - ', { labels: { ip: '1.2.3.4' } }],
  ['| pattern "<a> z"', 'x y 1 z b z c', { labels: { a: 'x y 1' } }],
  ['| pattern "<_> y <b> z <c>"', 'x y 1 z ', { labels: { b: '1' } }],
  ['| pattern "<a> y <b> z"', 'x y 1 k ', { labels: { a: 'x', b: '1 k ' } }],
  ['| pattern "y <a> z"', 'x y 1 z b', {}],
  ['| pattern "<app> b"', 'c b', { labels: { app_extracted: 'c' } }],
  [
    '| unpack',
    '{"a":"1","b":2,"_entry":"the line","app":"p"}',
    { line: 'the line', labels: { a: '1', app_extracted: 'p' } },
  ],
  ['| unpack', 'nope', { labels: { __error__: 'JSONParserErr' } }],
  ['| unpack', '{"a":"1"}', {}],
  [
    '| unpack',
    '{"a":"1","b":{"c":1},"_entry":"l","trace_id":"p"}',
    { line: 'l', labels: { a: '1', trace_id_extracted: 'p' } },
  ],
  ['| json | __error__!=""', 'x', { labels: { __error__: 'JSONParserErr' } }],
  ['| json | __error__=""', 'x', 'dropped'],
  ['| json | __error__="JSONParserErr"', 'x', { labels: { __error__: 'JSONParserErr' } }],
  [
    '| json | a>5 | __error__="LabelFilterErr"',
    '{"a":"x"}',
    { labels: { __error__: 'LabelFilterErr', a: 'x' } },
  ],
  ['| json | trace_id="j"', '{"trace_id":"j"}', 'dropped'],
  ['| json | logfmt', '{"a":1} b=2', { labels: { a: '1', b: '2' } }],
];

const filters: readonly Case[] = [
  ['|> "a<_>c"', 'abc', {}],
  ['|> "a<_>c"', 'xabcy', 'dropped'],
  ['|> "<_>a<_>c<_>"', 'xabcy', {}],
  ['|> "bc"', 'abcd', 'dropped'],
  ['!> "a<_>"', 'abcd', 'dropped'],
  ['|> "a<_>c"', 'ac', 'dropped'],
  ['|> "<_>"', 'ac', {}],
  ['|> "ac"', 'ac', {}],
  ['|> "a<_>b"', 'axbxb', 'dropped'],
  ['|> "a<_>"', 'a', 'dropped'],
  ['|> "<_>b"', 'b', 'dropped'],
  ['|> "<_>b<_>"', 'abbc', {}],
  ['|> "<_>b<_>"', 'bb', 'dropped'],
  ['|> "a" or "ac"', 'ac', {}],
  ['|= "A" or "c"', 'ac', {}],
  ['!= "a" or "x"', 'ac', 'dropped'],
  ['!= "z" or "x"', 'ac', {}],
  ['!~ "z" or "a"', 'ac', 'dropped'],
  ['|= ip("10.0.0.0/8")', 'from 10.1.2.3 to', {}],
  ['|= ip("10.0.0.0/8")', 'from 11.1.2.3 to', 'dropped'],
  ['|= ip("10.0.0.0/8")', 'from 10.1.2.3:80.', {}],
  ['!= ip("10.0.0.0/8")', 'from 10.1.2.3 to', 'dropped'],
  ['|= ip("10.0.0.1-10.2.0.0")', 'from 10.1.2.3 to', {}],
  ['|= ip("::1")', 'from ::1 to', {}],
  ['|= ip("2001:db8::/32")', '[2001:db8::7]:80', {}],
  ['| ip_ = ip("10.0.0.0/8")', 'x', {}, { ip_: '10.2.3.4' }],
  ['| ip_ = ip("10.0.0.0/8")', 'x', 'dropped', { ip_: 'zz' }],
  ['| ip_ != ip("10.0.0.0/8")', 'x', {}, { ip_: 'zz' }],
  ['| ip_ != ip("10.0.0.0/8")', 'x', 'dropped', { ip: 'zz' }],
  ['| x=""', 'x', {}],
  ['| x!=""', 'x', 'dropped'],
  ['| x>5', 'x', 'dropped'],
  ['| app>5', 'x', { labels: { __error__: 'LabelFilterErr' } }],
  ['| app=5', 'x', { labels: { __error__: 'LabelFilterErr' } }],
  ['| app!=5', 'x', { labels: { __error__: 'LabelFilterErr' } }],
  ['| app>5s', 'x', { labels: { __error__: 'LabelFilterErr' } }],
  ['| app=~"A"', 'x', 'dropped'],
  ['| app=~"(?i)A"', 'x', {}],
  ['| app=~"a|b"', 'x', {}],
  ['| app!~"a.*"', 'x', 'dropped'],
  ['| x=~""', 'x', {}],
  ['| x=~".*"', 'x', {}],
  ['| x!~".+"', 'x', {}],
  ['| app>5 or env="prod"', 'x', { labels: { __error__: 'LabelFilterErr' } }],
  ['| app>5 and env="x"', 'x', 'dropped'],
  ['| a=1 and b=2 or c=3', 'x', {}, { a: '1', b: '5', c: '3' }],
  ['| a=1 or b=2 and c=4', 'x', {}, { a: '1', b: '5', c: '3' }],
  ['| a=2 , b=5 or c=3', 'x', 'dropped', { a: '1', b: '5', c: '3' }],
  ['| (a=2 or b=5) and c=3', 'x', {}, { a: '1', b: '5', c: '3' }],
  ['| a>1KB', 'x', {}, { a: '1.5kb' }],
  ['| a>1KB', 'x', {}, { a: '1 KiB' }],
  ['| a>1KB', 'x', { labels: { __error__: 'LabelFilterErr' } }, { a: 'zz' }],
  ['| a>1KB', 'x', {}, { a: '1,000,000' }],
  ['| a>1KB', 'x', {}, { a: '2k' }],
  ['| a=1KiB', 'x', {}, { a: '1024' }],
  ['| a>1s', 'x', {}, { a: '1m' }],
  ['| a>1s', 'x', { labels: { __error__: 'LabelFilterErr' } }, { a: '5' }],
  ['| a>1s', 'x', 'dropped', { a: '-5h' }],
  ['| a>=1h30m', 'x', {}, { a: '1.5h' }],
  ['| a>1', 'x', { labels: { __error__: 'LabelFilterErr' } }, { a: '0x10' }],
  ['| a>1', 'x', { labels: { __error__: 'LabelFilterErr' } }, { a: ' 5' }],
  ['| a>1', 'x', {}, { a: '1e3' }],
  ['| a>1', 'x', {}, { a: 'inf' }],
  ['| a>-1', 'x', {}, { a: '0' }],
  ['| a>1', 'x', { labels: { __error__: 'LabelFilterErr', a: null } }, { a: '' }],
  ['| __error__=""', 'x', {}],
  ['|~ "a.c"', 'a\nc', 'dropped'],
  ['|~ "^c"', 'a\nc', 'dropped'],
  ['|~ "(?s)a.c"', 'a\nc', {}],
  ['| foo=~"a.c"', 'x', 'dropped', { foo: 'a\nc' }],
];

const formats: readonly Case[] = [
  ['| logfmt --keep-empty', 'a=1 flag b=', { labels: { a: '1', b: '', flag: '' } }],
  ['| label_format x=app, y="{{.env}}-{{.app}}"', 'x', { labels: { x: 'a', y: 'prod-', app: null } }],
  ['| label_format app=""', 'x', { labels: { app: null } }],
  ['| label_format new=nope', 'x', {}],
  ['| label_format new=`{{.nope}}`', 'x', {}],
  ['| label_format trace_id="x" | trace_id="x"', 'x', { labels: { trace_id: 'x' } }],
  ['| drop app, trace_id', 'x', { labels: { app: null, trace_id: null } }],
  ['| drop app | json', '{"app":"1"}', { labels: { app_extracted: '1', app: null } }],
  ['| drop app="x", env=~"p.*"', 'x', { labels: { env: null } }],
  ['| keep app', 'x', { labels: { env: null, trace_id: null } }],
  ['| keep app, trace_id="t1", env="x"', 'x', { labels: { env: null } }],
  ['| json | keep a', '{"a":1,"b":2}', { labels: { a: '1', app: null, env: null, trace_id: null } }],
  ['| json | drop a', '{"a":1,"b":2}', { labels: { b: '2' } }],
  ['| json | drop __error__', 'x', {}],
  ['| decolorize', '\u001b[31mabc\u001b[0m', { line: 'abc' }],
  ['| decolorize', '\u001b[1;31mabc\u001b[0m x', { line: 'abc x' }],
];

const templates: readonly Case[] = [
  [
    '| json | app_extracted="j" | line_format "{{.trace_id}} {{.trace_id_extracted}}"',
    '{"trace_id":"j","app":"j"}',
    { line: 't1 j', labels: { app_extracted: 'j', trace_id_extracted: 'j' } },
  ],
  [
    '| label_format app=env | line_format "{{.app}} {{.trace_id}} {{.nope}} {{__line__}}"',
    'x',
    { line: 'prod t1  x', labels: { app: 'prod', env: null } },
  ],
  [
    '| line_format "{{.app | ToUpper | printf \\"%5s|%-5s|%q\\" 1}}"',
    'x',
    { line: '%!s(int=    1)|A    |%!q(MISSING)' },
  ],
  [
    '| line_format "{{ if and (contains \\"he\\" \\"hello\\") (hasPrefix \\"p\\" .env) }}y{{else if eq .app \\"a\\"}}n{{end}} {{- 1 -}} z"',
    'x',
    { line: 'y1z' },
  ],
  ['| line_format "{{ if false }}y{{else if eq .app \\"a\\"}}n{{else}}q{{end}}"', 'x', { line: 'n' }],
  [
    '| line_format "{{ range $i, $e := fromJson __line__ }}{{$i}}={{$e.a}};{{end}}"',
    '[{"a":1},{"a":"x"},{"a":1.5}]',
    { line: '0=1;1=x;2=1.5;' },
  ],
  ['| line_format "{{ range fromJson __line__ }}{{.a}};{{else}}empty{{end}}"', '[]', { line: 'empty' }],
  [
    '| line_format "{{ $x := fromJson __line__ }}{{$x.a.b}} {{ $x }}"',
    '{"a":{"b":1e10},"c":[1,"x",null,true]}',
    { line: '1e+10 map[a:map[b:1e+10] c:[1 x <nil> true]]' },
  ],
  [
    '| line_format "{{ __timestamp__ }} {{ __timestamp__ | date \\"2006-01-02T15:04:05.000Z07:00\\" }} {{ __timestamp__ | unixEpoch }} {{ __timestamp__ | unixEpochNanos}} {{__timestamp__ | unixEpochMillis}}"',
    'x',
    {
      line: '2023-11-14 22:13:20.123456789 +0000 UTC 2023-11-14T22:13:20.123Z 1700000000 1700000000123456789 1700000000123',
    },
  ],
  [
    '| line_format "{{ __timestamp__ | date \\"Mon Jan _2 3:04:05PM 2006 .000 .999999999 MST -0700 06 1 2 002\\" }}"',
    'x',
    { line: 'Tue Nov 14 10:13:20PM 2023 .123 .123456789 UTC +0000 23 11 14 318' },
  ],
  [
    '| line_format "{{ add 1 2 3 }} {{ sub 5 2 }} {{mul 2 3}} {{div 7 2}} {{mod 7 2}} {{addf 1.5 2}} {{divf 7 2}} {{ceil 1.2}} {{floor 1.8}} {{round 1.256 2}} {{int \\"5\\"}} {{float64 \\"1.5\\"}} {{max 1 2 3}} {{minf 1.5 2}} {{ add \\"1\\" .app }}"',
    'x',
    { line: '6 3 6 3 1 3.5 3.5 2 1 1.26 5 1.5 3 1.5 1' },
  ],
  [
    '| line_format "{{ trunc 2 \\"hello\\" }} {{ trunc -2 \\"hello\\" }} {{ substr 1 3 \\"hello\\"}} {{ repeat 3 \\"ab\\" }} {{ replace \\"a\\" \\"b\\" \\"banana\\" }} {{ indent 2 \\"x\\" }} {{ title \\"foo bar\\" }} {{ trim \\" x \\" }} {{ trimAll \\"$\\" \\"$5$\\" }} {{ trimPrefix \\"a\\" \\"ab\\" }} {{alignLeft 5 \\"ab\\"}}|{{alignRight 5 \\"abcdefg\\"}}|{{alignRight 5 \\"ab\\"}}"',
    'x',
    { line: 'he lo el ababab bbnbnb   x Foo Bar x 5 b ab   |cdefg|   ab' },
  ],
  [
    '| line_format "{{ Replace \\"banana\\" \\"a\\" \\"x\\" 2 }} {{ TrimPrefix \\"ab\\" \\"a\\" }} {{ Trim \\"  x \\" \\" \\" }} {{ regexReplaceAll \\"a(x*)b\\" \\"-ab-axxb-\\" \\"${1}W\\" }} {{ regexReplaceAllLiteral \\"a(x*)b\\" \\"-ab-axxb-\\" \\"${1}\\" }} {{ count \\"a\\" \\"banana\\" }} {{ b64enc \\"hi\\" }} {{ b64dec \\"aGk=\\" }} {{ urlencode \\"a b&c\\" }} {{ urldecode \\"a%20b\\" }}"',
    'x',
    { line: 'bxnxna b x -W-xxW- -${1}-${1}- 3 aGk= hi a+b%26c a b' },
  ],
  [
    '| line_format "{{ bytes \\"2 KB\\" }} {{ duration \\"1m\\" }} {{ duration_seconds \\"1m30s\\" }} {{ unixToTime \\"1679577215\\" }} {{ default \\"d\\" .nope }} {{ .nope }} {{ not true }} {{ len \\"abc\\" }} {{ index (fromJson \\"[1,2]\\") 1 }} {{ toDate \\"2006-01-02\\" \\"2021-11-02\\" | unixEpoch }} {{ print 1 \\"a\\" 2 3 }} {{ println 1 }}"',
    'x',
    { line: '2000 60 90 2023-03-23 13:13:35 +0000 UTC d  false 3 2 1635811200 1a2 3 1\n' },
  ],
  [
    '| line_format "{{ lt 1 2 }} {{ eq 1 1 2 }} {{ ne .app \\"b\\" }} {{ and 0 1 }} {{ or \\"\\" \\"x\\" }} {{ 1.5 }} {{ 0x10 }} {{ true }} {{ nil }}"',
    'x',
    { labels: { __error__: 'TemplateFormatErr' } },
  ],
  [
    '| line_format "{{ lt 1 2 }} {{ eq 2 1 2 }} {{ ne .app \\"b\\" }} {{ and 0 1 }} {{ or \\"\\" \\"x\\" }} {{ 1.5 }} {{ 0x10 }} {{ true }}"',
    'x',
    { line: 'true true true 0 x 1.5 16 true' },
  ],
  [
    '| line_format "{{ lt 1 2 }} {{ ge 1.5 1.0 }} {{ printf \\"%d %05.2f %v %s %t %x %+v %6.3v|%%\\" 5 1.5 \\"s\\" \\"q\\" true 255 1 2.0 }} {{ printf \\"%d\\" \\"x\\" }} {{ printf \\"%s\\" 5 }} {{ printf \\"%z\\" 5 }} {{ printf \\"%d\\" }} {{ printf \\"x\\" 1}}"',
    'x',
    {
      line: 'true true 5 01.50 s q true ff 1      2|% %!d(string=x) %!s(int=5) %!z(int=5) %!d(MISSING) x%!(EXTRA int=1)',
    },
  ],
  [
    '| line_format "{{ with .app }}{{.}}{{end}} {{ with .nope }}x{{else}}none{{end}} {{/* c */}} {{ eq .app \\"a\\" | not }}"',
    'x',
    { line: 'a none  false' },
  ],
  ['| line_format "{{ eq .app 1 }}"', 'x', { labels: { __error__: 'TemplateFormatErr' } }],
  ['| line_format "{{ contains .err \\"ErrTimeout\\" }}"', 'x', { line: 'true' }],
  ['| line_format "{{ range .app }}x{{end}}"', 'x', { labels: { __error__: 'TemplateFormatErr' } }],
  [
    '| line_format "{{ toDateInZone \\"2006-01-02 15:04\\" \\"Europe/Paris\\" \\"2021-11-02 10:00\\" | date \\"-07:00 Z0700\\" }}"',
    'x',
    { line: '+00:00 Z' },
  ],
  ['| line_format "{{ div 1 0 }}"', 'x', { labels: { __error__: 'TemplateFormatErr' } }],
  ['| line_format "{{ len 1 }}"', 'x', { labels: { __error__: 'TemplateFormatErr' } }],
  ['| line_format "{{ $ }}"', 'x', { line: 'map[app:a env:prod trace_id:t1]' }],
  ['| line_format "{{ .app.b }}"', 'x', { labels: { __error__: 'TemplateFormatErr' } }],
  ['| line_format "{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{end}}{{ $x }}"', 'x', { line: '2' }],
  [
    '| line_format "{{ range $i, $e := fromJson \\"[1,2,3]\\" }}{{ if eq $i 1 }}{{break}}{{end}}{{ $e }}{{end}}"',
    'x',
    { line: '1' },
  ],
  ['| line_format "{{ `raw` }} {{ \'a\' }} {{ printf \\"%c\\" \'a\' }}"', 'x', { line: 'raw 97 a' }],
  ['| line_format "a {{- /* c */ -}} b"', 'x', { line: 'ab' }],
  [
    '| line_format "{{ mulf 1.1 1.1 }} {{ divf 1 3 }} {{ float64 \\"1e21\\" }} {{ float64 \\"1e20\\"}} {{ float64 \\"0.00001\\"}} {{ float64 \\"123456789\\"}}"',
    'x',
    { line: '1.21 0.3333333333333333 1e+21 1e+20 1e-05 1.23456789e+08' },
  ],
  ['| line_format "{{ index .app 0 }} {{ fromJson \\"nope\\" }}"', 'x', { line: '97 <no value>' }],
  [
    '| line_format "{{ regexReplaceAll \\"(?P<n>b)\\" \\"abc\\" \\"[$n]\\" }} {{ regexReplaceAll \\"b*\\" \\"abc\\" \\"-\\" }}"',
    'x',
    { line: 'a[b]c -a-c-' },
  ],
  ['| line_format "{{ .app | default \\"x\\" | upper | lower | title | b64enc }}"', 'x', { line: 'QQ==' }],
  [
    '| line_format "{{ nindent 2 \\"x\\" }}{{ substr 0 -1 \\"abc\\" }}{{ substr -1 2 \\"abc\\"}} {{ trunc 10 \\"abc\\" }}"',
    'x',
    { line: '\n  xabcab abc' },
  ],
  [
    '| line_format "{{ unixToTime \\"1679577215123\\" | date \\"2006-01-02 15:04:05.000\\" }}{{ unixToTime \\"x\\" }}"',
    'x',
    { labels: { __error__: 'TemplateFormatErr' } },
  ],
  [
    '| line_format "{{ float64 \\"1234567\\" }} {{ float64 \\"123456\\" }} {{ float64 \\"1000000\\" }} {{ float64 \\"100000\\" }} {{ float64 \\"1e20\\"}} {{ float64 \\"12345678.5\\"}}"',
    'x',
    { line: '1.234567e+06 123456 1e+06 100000 1e+20 1.23456785e+07' },
  ],
];

const refused: readonly (readonly [stages: string, message: RegExp])[] = [
  ['| regexp "(\\\\w+)"', /parse error: regexp needs a named capture group/],
  ['| pattern "<a><b>"', /parse error: pattern has captures without text between: <b>/],
  ['| pattern "abc"', /parse error: pattern needs a named capture/],
  ['| pattern "<_> a"', /parse error: pattern needs a named capture/],
  ['| pattern "<a> x <a>"', /parse error: pattern has two captures named a/],
  ['|> "<_><_>"', /parse error: pattern has captures without text between: <_>/],
  ['|> "<a>c"', /parse error: a pattern line filter takes <_> only/],
  ['|= ip("nope")', /parse error: invalid ip pattern nope/],
  ['| label_format a="{{.x"', /parse error: invalid template: unclosed action/],
  ['| label_format app=env, app=trace_id', /parse error: label app is assigned twice in one label_format/],
  ['| label_format __error__="x"', /parse error: __error__ can not be formatted/],
  ['| line_format "{{ .app | foo }}"', /parse error: invalid template: function "foo" is not defined/],
  ['| line_format "{{ .app }} {{ if }}"', /parse error: invalid template: missing value for command/],
  ['| line_format "{{ end }}"', /parse error: invalid template: unexpected \{\{end\}\}/],
];

function run(stages: string, line: string, metadata: Readonly<Record<string, string>>): Outcome {
  const pipeline = compilePipeline(parseLog(`{app="a"} ${stages}`).stages);
  const labels = new RowLabels(new Map(Object.entries(stream)), new Map(Object.entries(metadata)));
  const row = { line, labels, timeNs: 1_700_000_000_123_456_789n };
  if (!pipeline(row)) return 'dropped';
  const before: Record<string, string> = { ...stream, ...metadata };
  const after = new Map([...labels.entries()].map(([name, value]) => [name, value]));
  after.delete('__error_details__');
  const changed: Record<string, string | null> = {};
  for (const [name, value] of after) if (before[name] !== value) changed[name] = value;
  for (const name of Object.keys(before)) if (!after.has(name)) changed[name] = null;
  return {
    ...(row.line !== line && { line: row.line }),
    ...(Object.keys(changed).length > 0 && { labels: changed }),
  };
}

for (const [name, cases] of Object.entries({ parsers, filters, formats, templates })) {
  describe(`LogQL ${name}`, () => {
    for (const [stages, line, outcome, metadata = { trace_id: 't1' }] of cases) {
      it(`${stages} on ${JSON.stringify(line)}`, () => {
        assert.deepEqual(run(stages, line, metadata), outcome);
      });
    }
  });
}

describe('LogQL pipelines that are refused', () => {
  for (const [stages, message] of refused) {
    it(stages, () => assert.throws(() => run(stages, 'x', {}), message));
  }
});
