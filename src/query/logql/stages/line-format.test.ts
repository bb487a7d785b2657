import { describe } from 'node:test';
import { itGives, itRefuses } from './cases.test.support.js';

describe('LogQL line_format', () => {
  itGives([
    [
      '| line_format `{{define "t"}}<{{.app}}{{.nope}} {{$.env}}>{{end}}{{template "t" .}}{{template "t" $}}`',
      'x',
      { line: '<a prod><a prod>' },
    ],
    ['| line_format `{{block "b" .app}}[{{.}}]{{end}}{{template "b" .env}}`', 'x', { line: '[a][prod]' }],
    [
      '| line_format `{{define "n"}}{{with .}}y{{else}}nil{{end}}{{end}}{{template "n"}}`',
      'x',
      { line: 'nil' },
    ],
    [
      '| line_format `{{define "a"}}{{$x := 1}}{{$x}}{{end}}{{$x := 2}}{{template "a" .}}{{$x}}`',
      'x',
      { line: '12' },
    ],
    [
      '| line_format `{{define "r"}}{{template "r" .}}{{end}}{{template "r" .}}`',
      'x',
      { labels: { __error__: 'TemplateFormatErr' } },
    ],
    ['| line_format `{{template "nope" .}}`', 'x', { labels: { __error__: 'TemplateFormatErr' } }],
    [
      '| line_format `{{ html "<a b=\'1\'>&" }} {{ js "a\'b<\\n" 1 2 }} {{ urlquery "a b&" 1 }}`',
      'x',
      { line: "&lt;a b=&#39;1&#39;&gt;&amp; a\\'b\\u003C\\u000A1 2 a+b%261" },
    ],
    [
      '| line_format `{{ slice "hello" 1 3 }} {{ slice "hello" 3 }} {{ slice (fromJson "[1,2,3]") 1 }}`',
      'x',
      { line: 'el lo [2 3]' },
    ],
    ['| line_format `{{ slice "abc" 2 1 }}`', 'x', { labels: { __error__: 'TemplateFormatErr' } }],
    ['| line_format `{{ substr 4 5 "abc" }}`', 'x', { labels: { __error__: 'TemplateFormatErr' } }],
    [
      '| line_format `{{ trunc 2 "äbc" }} {{ trunc 3 "äbc" }} {{ trunc 1 "ä" }} {{ trunc -9 "abc" }} {{ substr 2 9 "äbc" }}`',
      'x',
      { line: 'ä äb \uFFFD abc bc' },
    ],
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
  ]);
  itRefuses([
    ['| line_format `{{if .app}}{{define "x"}}{{end}}{{end}}`', /unexpected <define> in command/],
    ['| line_format `{{template x}}`', /unexpected x in template clause/],
    ['| line_format `{{define "x"}}`', /unexpected EOF/],
    [
      '| line_format "{{ .app | foo }}"',
      /: invalid line template: template: line:1: function "foo" not defined/,
    ],
    [
      '| line_format "{{ .app }} {{ if }}"',
      /: invalid line template: template: line:1: missing value for command/,
    ],
    ['| line_format "{{ end }}"', /: invalid line template: template: line:1: unexpected \{\{end\}\}/],
  ]);
});
