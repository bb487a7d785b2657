import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { RowLabels } from '../model/labels.js';
import { compileTemplate, TemplateText } from './index.js';

const labels = new Map(
  Object.entries({
    n: '5',
    list: '[{"q":1},{"q":2}]',
    e: '',
    z: '0',
    a: 'Hello',
    ts: '1679577215',
    d: '1h30m',
    s: '5 MiB',
    m: '{"x":{"y":1}}',
  }),
);

function execute(template: string, line = 'the line'): string {
  const row = {
    line,
    timeNs: 1_700_000_000_000_000_000n,
    labels: new RowLabels(new Map(), labels),
  };
  try {
    return compileTemplate(new TemplateText(template), 'line template', 'line')(row);
  } catch (error) {
    return (error as Error).message;
  }
}

/** Templates, and what Loki 3.7.8 says of them where they fail on a row, behind `template: line:`. */
const failing: readonly (readonly [template: string, words: string])[] = [
  [
    '{{ div 1 .z }}',
    '1:3: executing "line" at <div 1 .z>: error calling div: runtime error: integer divide by zero',
  ],
  [
    'x{{ div 1 .z | add 2 }}',
    '1:4: executing "line" at <div 1 .z>: error calling div: runtime error: integer divide by zero',
  ],
  [
    '{{ mod .n 0 }}',
    '1:3: executing "line" at <mod .n 0>: error calling mod: runtime error: integer divide by zero',
  ],
  [
    '{{ index (fromJson .list) 5 }}',
    '1:3: executing "line" at <index (fromJson .list) 5>: error calling index: index out of range: 5',
  ],
  ['{{ index .n 9 }}', '1:3: executing "line" at <index .n 9>: error calling index: index out of range: 9'],
  [
    '{{ index 5 1 }}',
    `1:3: executing "line" at <index 5 1>: error calling index: can't index item of type int`,
  ],
  [
    '{{ index . "n" "x" }}',
    '1:3: executing "line" at <index . "n" "x">: error calling index: cannot index slice/array with type string',
  ],
  [
    '{{ (fromJson .list).foo }}',
    `1:13: executing "line" at <.list>: can't evaluate field foo in type []interface {}`,
  ],
  ['{{ .n.foo }}', `1:5: executing "line" at <.n.foo>: can't evaluate field foo in type string`],
  ['{{ .nope.foo }}', `1:8: executing "line" at <.nope.foo>: can't evaluate field foo in type string`],
  [
    '{{ $x := .n }}{{ $x.foo }}',
    `1:19: executing "line" at <$x.foo>: can't evaluate field foo in type string`,
  ],
  ['{{ len 5 }}', '1:3: executing "line" at <len 5>: error calling len: len of type int'],
  [
    '{{ eq .n 5 }}',
    '1:3: executing "line" at <eq .n 5>: error calling eq: incompatible types for comparison: string and int',
  ],
  [
    '{{ lt .n 5 }}',
    '1:3: executing "line" at <lt .n 5>: error calling lt: incompatible types for comparison: string and int',
  ],
  [
    '{{ eq 1 1.0 }}',
    '1:3: executing "line" at <eq 1 1.0>: error calling eq: incompatible types for comparison: int and float64',
  ],
  [
    '{{ lt true false }}',
    '1:3: executing "line" at <lt true false>: error calling lt: invalid type for comparison',
  ],
  [
    '{{ bytes "x" }}',
    '1:3: executing "line" at <bytes "x">: error calling bytes: strconv.ParseFloat: parsing "": invalid syntax',
  ],
  [
    '{{ .a | bytes }}',
    '1:8: executing "line" at <bytes>: error calling bytes: strconv.ParseFloat: parsing "": invalid syntax',
  ],
  [
    '{{ duration "x" }}',
    '1:3: executing "line" at <duration "x">: error calling duration: time: invalid duration "x"',
  ],
  [
    '{{ .a | duration_seconds }}',
    '1:8: executing "line" at <duration_seconds>: error calling duration_seconds: time: invalid duration "Hello"',
  ],
  [
    '{{ duration .nope }}',
    '1:3: executing "line" at <duration .nope>: error calling duration: time: invalid duration ""',
  ],
  [
    '{{ unixToTime .a }}',
    `1:3: executing "line" at <unixToTime .a>: error calling unixToTime: unable to parse time 'Hello': strconv.ParseInt: parsing "Hello": invalid syntax`,
  ],
  [
    '{{ unixToTime "123" }}',
    `1:3: executing "line" at <unixToTime "123">: error calling unixToTime: unable to parse time '123': %!w(<nil>)`,
  ],
  [
    '{{ unixToTime "12345678ab" }}',
    `1:3: executing "line" at <unixToTime "12345678ab">: error calling unixToTime: unable to parse time '12345678ab': strconv.ParseInt: parsing "12345678ab": invalid syntax`,
  ],
  [
    '{{ urldecode "%zz" }}',
    '1:3: executing "line" at <urldecode "%zz">: error calling urldecode: invalid URL escape "%zz"',
  ],
  [
    '{{ regexReplaceAll "(" .a "x" }}',
    '1:3: executing "line" at <regexReplaceAll "(" .a "x">: error calling regexReplaceAll: error parsing regexp: missing closing ): `(`',
  ],
  [
    '{{ regexReplaceAllLiteral "(" .a "x" }}',
    '1:3: executing "line" at <regexReplaceAllLiteral "(" .a "x">: error calling regexReplaceAllLiteral: error parsing regexp: missing closing ): `(`',
  ],
  [
    '{{ count "(" .a }}',
    '1:3: executing "line" at <count "(" .a>: error calling count: error parsing regexp: missing closing ): `(`',
  ],
  [
    '{{ unixEpoch .n }}',
    '1:13: executing "line" at <.n>: wrong type for value; expected time.Time; got string',
  ],
  ['{{ unixEpoch 5 }}', `1:13: executing "line" at <5>: can't handle 5 for arg of type time.Time`],
  ['{{ lower 5 }}', '1:9: executing "line" at <5>: expected string; found 5'],
  ['{{ upper nil }}', '1:9: executing "line" at <nil>: cannot assign nil to string'],
  ['{{ 5 | lower }}', '1:7: executing "line" at <lower>: wrong type for value; expected string; got int'],
  ['{{ trunc "x" .a }}', '1:9: executing "line" at <"x">: expected integer; found "x"'],
  ['{{ trunc .n .a }}', '1:9: executing "line" at <.n>: wrong type for value; expected int; got string'],
  [
    '{{ substr 3 1 .a }}',
    '1:3: executing "line" at <substr 3 1 .a>: error calling substr: runtime error: slice bounds out of range [3:1]',
  ],
  [
    '{{ substr 99 100 .a }}',
    '1:3: executing "line" at <substr 99 100 .a>: error calling substr: runtime error: slice bounds out of range [99:5]',
  ],
  [
    '{{ repeat -1 .a }}',
    '1:3: executing "line" at <repeat -1 .a>: error calling repeat: strings: negative Repeat count',
  ],
  ['{{ repeat .n .a }}', '1:10: executing "line" at <.n>: wrong type for value; expected int; got string'],
  ['{{ lower }}', '1:3: executing "line" at <lower>: wrong number of args for lower: want 1 got 0'],
  ['{{ lower .a .a }}', '1:3: executing "line" at <lower>: wrong number of args for lower: want 1 got 2'],
  ['{{ div 1 }}', '1:3: executing "line" at <div>: wrong number of args for div: want 2 got 1'],
  ['{{ .a .n }}', '1:3: executing "line" at <.a>: a is not a method but has arguments'],
  ['{{ nil }}', '1:3: executing "line" at <nil>: nil is not a command'],
  ['{{ 5 .n }}', `1:3: executing "line" at <5>: can't give argument to non-function 5`],
  ['{{ range .n }}x{{ end }}', `1:9: executing "line" at <.n>: range can't iterate over 5`],
  ['{{ template "q" }}', '1:12: executing "line" at <{{template "q"}}>: template "q" not defined'],
  [
    '{{ define "q" }}{{ div 1 0 }}{{ end }}{{ template "q" . }}',
    '1:19: executing "q" at <div 1 0>: error calling div: runtime error: integer divide by zero',
  ],
  [
    '{{ if div 1 0 }}x{{ end }}',
    '1:6: executing "line" at <div 1 0>: error calling div: runtime error: integer divide by zero',
  ],
  [
    '{{ with div 1 0 }}x{{ end }}',
    '1:8: executing "line" at <div 1 0>: error calling div: runtime error: integer divide by zero',
  ],
  [
    'a\n b{{ div 1 0 }}',
    '2:5: executing "line" at <div 1 0>: error calling div: runtime error: integer divide by zero',
  ],
  [
    '{{ slice .a 2 1 }}',
    '1:3: executing "line" at <slice .a 2 1>: error calling slice: invalid slice index: 2 > 1',
  ],
  ['{{ slice .a 9 }}', '1:3: executing "line" at <slice .a 9>: error calling slice: index out of range: 9'],
  [
    '{{ slice (fromJson .list) 9 }}',
    '1:3: executing "line" at <slice (fromJson .list) 9>: error calling slice: index out of range: 9',
  ],
  [
    '{{ slice 5 1 }}',
    `1:3: executing "line" at <slice 5 1>: error calling slice: can't slice item of type int`,
  ],
  ['{{ printf 5 }}', '1:10: executing "line" at <5>: expected string; found 5'],
  [
    '{{ and .n (div 1 0) }}',
    '1:11: executing "line" at <div 1 0>: error calling div: runtime error: integer divide by zero',
  ],
  ['{{ not }}', '1:3: executing "line" at <not>: wrong number of args for not: want 1 got 0'],
  [
    '{{ .a | replace "H" }}',
    '1:8: executing "line" at <replace>: wrong number of args for replace: want 3 got 2',
  ],
  ['{{ alignLeft "x" .a }}', '1:13: executing "line" at <"x">: expected integer; found "x"'],
  ['{{ alignLeft .n .a }}', '1:13: executing "line" at <.n>: wrong type for value; expected int; got string'],
  ['{{ indent "x" .a }}', '1:10: executing "line" at <"x">: expected integer; found "x"'],
  ['{{ fromJson 5 }}', '1:12: executing "line" at <5>: expected string; found 5'],
  ['{{ toDate 5 .a }}', '1:10: executing "line" at <5>: expected string; found 5'],
  ['{{ hasPrefix 1 .a }}', '1:13: executing "line" at <1>: expected string; found 1'],
  [
    '{{ contains .a }}',
    '1:3: executing "line" at <contains>: wrong number of args for contains: want 2 got 1',
  ],
  [
    '{{ default }}',
    '1:3: executing "line" at <default>: wrong number of args for default: want at least 1 got 0',
  ],
  ['{{ min }}', '1:3: executing "line" at <min>: wrong number of args for min: want at least 1 got 0'],
  ['{{ maxf }}', '1:3: executing "line" at <maxf>: wrong number of args for maxf: want at least 1 got 0'],
  [
    '{{ lower (div 1 0) }}',
    '1:10: executing "line" at <div 1 0>: error calling div: runtime error: integer divide by zero',
  ],
  [
    '{{ (div 1 0).foo }}',
    '1:4: executing "line" at <div 1 0>: error calling div: runtime error: integer divide by zero',
  ],
  [
    '{{ lower (fromJson .list) }}',
    '1:19: executing "line" at <.list>: wrong type for value; expected string; got []interface {}',
  ],
  [
    '{{ __line__ 1 }}',
    '1:3: executing "line" at <__line__>: wrong number of args for __line__: want 0 got 1',
  ],
  [
    '{{ lower `x` "y" \'c\' 1.5 true $ . nil .n.m ($.n | upper) }}',
    '1:3: executing "line" at <lower>: wrong number of args for lower: want 1 got 10',
  ],
  [
    '{{ $x := div 1 0 }}',
    '1:9: executing "line" at <div 1 0>: error calling div: runtime error: integer divide by zero',
  ],
  [
    '{{ range $i, $e := div 1 0 }}{{ end }}',
    '1:19: executing "line" at <div 1 0>: error calling div: runtime error: integer divide by zero',
  ],
  [
    '{{ html (div 1 0) }}',
    '1:9: executing "line" at <div 1 0>: error calling div: runtime error: integer divide by zero',
  ],
  ['{{ title 5 }}', '1:9: executing "line" at <5>: expected string; found 5'],
  ['{{ regexReplaceAll "a" 5 "b" }}', '1:23: executing "line" at <5>: expected string; found 5'],
  ['{{ Replace .a "l" "x" "1" }}', '1:22: executing "line" at <"1">: expected integer; found "1"'],
  [
    '{{ Replace .a "l" "x" .n }}',
    '1:22: executing "line" at <.n>: wrong type for value; expected int; got string',
  ],
  ['{{ eq }}', '1:3: executing "line" at <eq>: wrong number of args for eq: want at least 1 got 0'],
  ['{{ eq .a }}', '1:3: executing "line" at <eq .a>: error calling eq: missing argument for comparison'],
  ['{{ ne .a .n .n }}', '1:3: executing "line" at <ne>: wrong number of args for ne: want 2 got 3'],
  [
    '{{ lt .list 5 }}',
    '1:3: executing "line" at <lt .list 5>: error calling lt: incompatible types for comparison: string and int',
  ],
  [
    '{{ eq .nope 5 }}',
    '1:3: executing "line" at <eq .nope 5>: error calling eq: incompatible types for comparison: string and int',
  ],
  [
    '{{ gt .nope 5 }}',
    '1:3: executing "line" at <gt .nope 5>: error calling gt: incompatible types for comparison: string and int',
  ],
  [
    '{{ gt (fromJson "5") 3 }}',
    '1:3: executing "line" at <gt (fromJson "5") 3>: error calling gt: incompatible types for comparison: float64 and int',
  ],
  [
    '{{ template "q" .a | lower }}',
    '1:12: executing "line" at <{{template "q" .a | lower}}>: template "q" not defined',
  ],
  [
    '{{ (fromJson .m).x.y.z }}',
    `1:13: executing "line" at <.m>: can't evaluate field z in type interface {}`,
  ],
  ['{{ (fromJson .m).q.y.z }}', '1:13: executing "line" at <.m>: nil pointer evaluating interface {}.y'],
  ['{{ $x = 5 }}', '1:8: executing "line" at <5>: undefined variable: $x'],
  [
    '{{ range $i, $e := 3 }}{{ $i }}{{ end }}',
    `1:19: executing "line" at <3>: can't use 3 to iterate over more than one variable`,
  ],
  [
    '{{ substr -1 20 .a }}',
    '1:3: executing "line" at <substr -1 20 .a>: error calling substr: runtime error: slice bounds out of range [:20] with length 5',
  ],
  [
    '{{ substr -1 -1 .a }}',
    '1:3: executing "line" at <substr -1 -1 .a>: error calling substr: runtime error: slice bounds out of range [:-1]',
  ],
  [
    '{{ index .a 5 }}',
    '1:3: executing "line" at <index .a 5>: error calling index: reflect: string index out of range',
  ],
  [
    '{{ index (fromJson .list) 2 }}',
    '1:3: executing "line" at <index (fromJson .list) 2>: error calling index: reflect: slice index out of range',
  ],
  [
    '{{ index (fromJson .m) 5 }}',
    '1:3: executing "line" at <index (fromJson .m) 5>: error calling index: value has type int; should be string',
  ],
  [
    '{{ index .nope 0 }}',
    '1:3: executing "line" at <index .nope 0>: error calling index: reflect: string index out of range',
  ],
  [
    '{{ . | lower }}',
    '1:7: executing "line" at <lower>: wrong type for value; expected string; got map[string]string',
  ],
  [
    '{{ lower . }}',
    '1:9: executing "line" at <.>: wrong type for value; expected string; got map[string]string',
  ],
  [
    '{{ lower $ }}',
    '1:9: executing "line" at <$>: wrong type for value; expected string; got map[string]string',
  ],
  ['{{ round 3.14159 2.5 }}', '1:17: executing "line" at <2.5>: expected integer; found 2.5'],
  ['{{ lt nil 5 }}', '1:3: executing "line" at <lt nil 5>: error calling lt: invalid type for comparison'],
  ['{{ sub 5 3 1 }}', '1:3: executing "line" at <sub>: wrong number of args for sub: want 2 got 3'],
  ['{{ max }}', '1:3: executing "line" at <max>: wrong number of args for max: want at least 1 got 0'],
  [
    '{{ slice .a 1 3 4 }}',
    '1:3: executing "line" at <slice .a 1 3 4>: error calling slice: cannot 3-index slice a string',
  ],
  [
    '{{ slice .a .n }}',
    '1:3: executing "line" at <slice .a .n>: error calling slice: cannot index slice/array with type string',
  ],
  [
    '{{ index (fromJson .list) .n }}',
    '1:3: executing "line" at <index (fromJson .list) .n>: error calling index: cannot index slice/array with type string',
  ],
  [
    '{{ (upper .a) 5 }}',
    `1:3: executing "line" at <(upper .a) 5>: can't give argument to non-function upper .a`,
  ],
  ['{{ .a | (upper) }}', `1:3: executing "line" at <.a>: can't give argument to non-function upper`],
  [`{{ 'a' | lower }}`, '1:9: executing "line" at <lower>: wrong type for value; expected string; got int'],
  ['{{ nil | lower }}', '1:3: executing "line" at <nil>: nil is not a command'],
  [
    '{{ $x := fromJson "{" }}{{ lower $x }}',
    '1:33: executing "line" at <$x>: invalid value; expected string',
  ],
  ['{{ lower (fromJson "{") }}', '1:19: executing "line" at <"{">: invalid value; expected string'],
  [
    '{{ lower (fromJson .m).q }}',
    '1:19: executing "line" at <.m>: wrong type for value; expected string; got interface {}',
  ],
  [
    '{{ (fromJson .m).x | lower }}',
    '1:21: executing "line" at <lower>: wrong type for value; expected string; got map[string]interface {}',
  ],
  [
    '{{ "a\\"b" | lower }}{{ lower "a\\"b" 5 }}',
    '1:23: executing "line" at <lower>: wrong number of args for lower: want 1 got 2',
  ],
  [
    'é{{ div 1 0 }}',
    '1:5: executing "line" at <div 1 0>: error calling div: runtime error: integer divide by zero',
  ],
  ['{{ lower 5.5 }}', '1:9: executing "line" at <5.5>: expected string; found 5.5'],
  ['{{ lower 0x10 }}', '1:9: executing "line" at <0x10>: expected string; found 0x10'],
  [`{{ lower 'c' }}`, `1:9: executing "line" at <'c'>: expected string; found 'c'`],
  ['{{ lower -5 }}', '1:9: executing "line" at <-5>: expected string; found -5'],
  ['{{ lower true }}', '1:9: executing "line" at <true>: expected string; found true'],
  ['{{ trunc true .a }}', '1:9: executing "line" at <true>: expected integer; found true'],
  ['{{ round 1 2 "x" }}', '1:13: executing "line" at <"x">: expected float; found "x"'],
  ['{{ unixEpoch nil }}', '1:13: executing "line" at <nil>: cannot assign nil to time.Time'],
  ['{{ unixEpoch "x" }}', `1:13: executing "line" at <"x">: can't handle "x" for arg of type time.Time`],
  [
    '{{ template "q" .n }}{{ define "q" }}{{ .x }}{{ end }}',
    `1:40: executing "q" at <.x>: can't evaluate field x in type string`,
  ],
  [
    '{{ block "q" . }}{{ .n.x }}{{ end }}',
    `1:22: executing "q" at <.n.x>: can't evaluate field x in type string`,
  ],
  [
    '{{ if eq .n }}x{{ end }}',
    '1:6: executing "line" at <eq .n>: error calling eq: missing argument for comparison',
  ],
  [
    '{{ with .n }}{{ .foo }}{{ end }}',
    `1:16: executing "line" at <.foo>: can't evaluate field foo in type string`,
  ],
  [
    '{{ range fromJson .list }}{{ .q.z }}{{ end }}',
    `1:31: executing "line" at <.q.z>: can't evaluate field z in type interface {}`,
  ],
  [
    '{{ indent -1 .a }}',
    '1:3: executing "line" at <indent -1 .a>: error calling indent: strings: negative Repeat count',
  ],
  [
    '{{ $a := 1 }}{{ $a = "x" }}{{ $a.b }}',
    `1:32: executing "line" at <$a.b>: can't evaluate field b in type string`,
  ],
  [
    '{{ not .e }}{{ and }}',
    '1:15: executing "line" at <and>: wrong number of args for and: want at least 1 got 0',
  ],
  ['{{ or }}', '1:3: executing "line" at <or>: wrong number of args for or: want at least 1 got 0'],
  [
    '{{ printf }}',
    '1:3: executing "line" at <printf>: wrong number of args for printf: want at least 1 got 0',
  ],
  ['{{ contains "l" 5 }}', '1:16: executing "line" at <5>: expected string; found 5'],
  ['{{ .foo.bar.baz }}', `1:7: executing "line" at <.foo.bar.baz>: can't evaluate field bar in type string`],
];

const million = (text: string) => `(repeat 1000000 "${text}")`;
const deep = '{"a":['.repeat(5000) + ']}'.repeat(5000);

/** Templates that would make far too much, and the words at the end of the error of the row. */
const unbounded: readonly (readonly [template: string, words: string, line?: string])[] = [
  [
    '{{$x := "1"}}{{range 40}}{{$x = date $x (unixToTime "1700000000")}}{{end}}',
    'error calling date: a text is longer than 1048576 characters',
  ],
  ...['print $x $x $x $x', 'println $x $x', 'printf "%s%s" $x $x', 'printf "" $x $x'].map(
    (call) =>
      [
        `{{$x := "some text"}}{{range 60}}{{$x = ${call}}}{{end}}`,
        `error calling ${call.split(' ')[0]}: a text is longer than 1048576 characters`,
      ] as const,
  ),
  ...['b64enc', 'html', 'js', 'urlencode', 'urlquery', 'nindent 1000', 'indent 1000', 'printf "%q"'].map(
    (call) =>
      [
        `{{ repeat 250000 "\\n<&'" | ${call} }}`,
        `error calling ${call.split(' ')[0]}: a text is longer than 1048576 characters`,
      ] as const,
  ),
  [
    `{{ replace "a" ${million('b')} ${million('a')} }}`,
    'error calling replace: a text is longer than 1048576 characters',
  ],
  [
    `{{ Replace ${million('a')} "a" ${million('b')} -1 }}`,
    'error calling Replace: a text is longer than 1048576 characters',
  ],
  [`{{ indent 1000 ${million('\\n')} }}`, 'error calling indent: a text is longer than 1048576 characters'],
  [
    '{{ regexReplaceAll "(a+)" (repeat 400000 "a") (repeat 400000 "$1") }}',
    'error calling regexReplaceAll: a text is longer than 1048576 characters',
  ],
  ['{{ printf (repeat 200000 "%d") }}', 'error calling printf: a text is longer than 1048576 characters'],
  [
    '{{ __line__ | upper }}',
    'error calling __line__: a text is longer than 1048576 characters',
    'x'.repeat(2_000_000),
  ],
  ['{{ fromJson __line__ }}', 'error calling fromJson: the JSON is nested deeper than 1000', deep],
  [
    '{{range 20}}{{range fromJson __line__}}{{break}}{{end}}{{end}}',
    'too many steps',
    `[${'1,'.repeat(400_000)}1]`,
  ],
  [`{{ $x := ${million('a')} }}{{range 90}}{{ $n := count "" $x }}{{end}}`, 'too many steps'],
  ['{{range $i := 100000}}{{ $t := toDate "2006-01-02 15:04:05.000" "x" }}{{end}}', 'too many steps'],
  ['{{range $i := 100000}}{{ $n := count (print "a" $i) "x" }}{{end}}', 'too many steps'],
  ['{{ regexReplaceAll "(b?)" (repeat 60000 "a") (repeat 300000 "$1") }}', 'too many steps'],
  [
    '{{ $x := fromJson __line__ }}{{range 9000}}{{ $n := slice $x 1 }}{{end}}',
    'too many steps',
    `[${'1,'.repeat(200_000)}1]`,
  ],
  [
    '{{ $x := fromJson __line__ }}{{range 9000}}{{ $n := printf "%.0s" $x }}{{end}}',
    'too many steps',
    `[[${'"a",'.repeat(100_000)}"a"]]`,
  ],
  ['{{ range __line__ }}{{ end }}', `range can't iterate over ${'x'.repeat(175)}`, 'x'.repeat(1000)],
];

/** And where they do not parse, behind `invalid line template: template: line:1: `. */
const unread: readonly (readonly [template: string, words: string])[] = [
  ['{{ range 0 }}{{ else }}{{ break }}{{ end }}', '{{break}} outside {{range}}'],
  ['{{ range 3 }}{{ block "x" . }}{{ continue }}{{ end }}{{ end }}', '{{continue}} outside {{range}}'],
  ['{{/* x */ y */}}', 'comment ends before closing delimiter'],
  ['{{/* }}'.repeat(50_000), 'unclosed comment'],
  ['{{ $x, $y := div 1 0 }}', 'too many declarations in command'],
  ['{{ $x }}', 'undefined variable "$x"'],
  ['{{ if .n }}{{ $x := 1 }}{{ end }}{{ $x }}', 'undefined variable "$x"'],
  ['{{ range $i, $e := fromJson .list }}{{ $i }}{{ end }}{{ $i }}', 'undefined variable "$i"'],
  ['{{ define "q" }}{{ $x }}{{ end }}{{ $x := 1 }}{{ template "q" . }}', 'undefined variable "$x"'],
  ['{{ indent 2 "a\nb" }}', 'unterminated quoted string'],
];

/** And what it makes of others. */
const made: readonly (readonly [template: string, line: string])[] = [
  ['{{ len .nope }}', '0'],
  ['{{ b64dec "!!" }}', 'illegal base64 data at input byte 0'],
  ['{{ b64dec .a }}', 'illegal base64 data at input byte 4'],
  ['{{ add }}', '0'],
  ['{{ range 3 }}x{{ end }}', 'xxx'],
  ['{{ printf "%d" .n }}', '%!d(string=5)'],
  ['{{ fromJson "{" }}', '<no value>'],
  ['{{ toDate "2006" "x" }}', '0001-01-01 00:00:00 +0000 UTC'],
  ['{{ toDateInZone "2006" "x" "y" }}', '0001-01-01 00:00:00 +0000 UTC'],
  ['{{ round "x" 1 }}', '0'],
  ['{{ int "x" }}', '0'],
  ['{{ default 1 }}', '1'],
  ['{{ add "x" 1 }}', '1'],
  ['{{ ceil .a }}', '0'],
  ['{{ .n | int | div 0 }}', '0'],
  ['{{ printf "%d" 5 }}{{ printf "%s" .n | lower }}', '55'],
  ['{{ (fromJson "{").q.y }}', '<no value>'],
  ['{{ (fromJson .m).q }}', '<no value>'],
  ['{{ with $x := .n }}{{ $x }}{{ else }}{{ $x }}{{ end }}', '5'],
  ['{{ define "q" }}{{ $.n }}{{ end }}{{ template "q" . }}', '5'],
  ['{{ range $i := 3 }}{{ $i }}{{ end }}', '012'],
  ['{{ urldecode "a%20b+c%C3%A9" }}', 'a b cé'],
  ['{{ b64dec "aGVsbG8=" }}', 'hello'],
  ['{{ b64dec "aGVsbG8" }}', 'illegal base64 data at input byte 4'],
  ['{{ b64dec "aGVsbG8==" }}', 'illegal base64 data at input byte 8'],
  ['{{ b64dec "aGVs=bG8" }}', 'illegal base64 data at input byte 4'],
  ['{{ b64dec "a" }}', 'illegal base64 data at input byte 0'],
  ['{{ b64dec "" }}', ''],
  ['{{ b64dec "aGVsbG8=x" }}', 'illegal base64 data at input byte 8'],
  ['{{ b64dec "aG=" }}', 'illegal base64 data at input byte 3'],
  ['{{ b64dec "aG=x" }}', 'illegal base64 data at input byte 2'],
  ['{{ substr -1 2 .a }}', 'He'],
  ['{{ substr 1 -1 .a }}', 'ello'],
  ['{{ trunc -2 .a }}', 'lo'],
  ['{{ index .a 0 }}', '72'],
  ['{{ index (fromJson .list) 0 "q" }}', '1'],
  ['{{ index (fromJson .m) "x" "y" }}', '1'],
  ['{{ index . "nope" }}', ''],
  ['{{ index . "n" }}', '5'],
  ['{{ add 1 2 | printf "%d" }}', '3'],
  ['{{ add }}{{ addf }}', '00'],
  ['{{ round 3.14159 2 }}', '3.14'],
  ['{{ round 3.14159 2 0.7 }}', '3.14'],
  ['{{ round 3.14159 2.0 }}', '3.14'],
  ['{{ repeat 2.0 .a }}', 'HelloHello'],
  ['{{ range 3 }}{{ range 0 }}{{ else }}x{{ break }}{{ end }}{{ end }}', 'xxx'],
  ['{{ $x := 9 }}{{ range $x = 3 }}{{ end }}{{ $x }}', '2'],
  ['{{ $i := 9 }}{{ $x := 9 }}{{ range $i, $x = fromJson "[7,8]" }}{{ end }}{{ $i }}{{ $x }}', '18'],
  ['{{ range 200000 }}{{ break }}{{ end }}', ''],
  ['{{ urlencode "a*b~c %7E" }}', 'a%2Ab~c+%257E'],
  ['{{ toDate "2006-01-02" "0001-01-01" }}', '0001-01-01 00:00:00 +0000 UTC'],
  ['{{ toDate "2006-01-02" "0096-03-01" | date "002" }}', '061'],
  ['{{ toDate "2006-01-02" "x" | date "2006" }}', '0001'],
  ['{{ toDate "2006-01-02" "2024-01-02" }}', '2024-01-02 00:00:00 +0000 UTC'],
  ['{{ toDateInZone "2006-01-02" "Nowhere/X" "2024-01-02" }}', '2024-01-02 00:00:00 +0000 UTC'],
  ['{{ date "2006" (toDate "2006-01-02" "2024-01-02") }}', '2024'],
  ['{{ date "2006-01-02" 1700000000 }}', '2023-11-14'],
  ['{{ unixEpoch (unixToTime .ts) }}', '1679577215'],
  ['{{ .ts | unixToTime | date "2006-01-02" }}', '2023-03-23'],
  ['{{ eq .n "5" "6" }}', 'true'],
  ['{{ eq nil nil }}', 'true'],
  ['{{ eq nil 5 }}', 'false'],
  ['{{ eq true false }}', 'false'],
  ['{{ not nil }}', 'true'],
  ['{{ default nil .a }}', 'Hello'],
  ['{{ default 5 .e }}', '5'],
  ['{{ default 5 .nope | add 1 }}', '6'],
  ['{{ __timestamp__ | unixEpoch }}', '1700000000'],
  ['{{ count "l" .a }}', '2'],
  ['{{ duration .d }}', '5400'],
  ['{{ bytes .s }}', '5.24288e+06'],
  ['{{ mul 2 3 4 }}{{ sub 5 3 }}{{ max 1 5 3 }}{{ min 4 2 }}{{ div 7 2 }}', '242523'],
  ['{{ mulf 1.1 1.1 }}{{ subf 5.5 1 }}{{ divf 5 2 }}{{ maxf 1 2.5 }}', '1.214.52.52.5'],
  ['{{ slice .a 1 }}', 'ello'],
  ['{{ slice .a 1 3 }}', 'el'],
  ['{{ slice (fromJson .list) 0 1 }}', '[map[q:1]]'],
  // Go's int64 is no int.
  ['{{ printf "%T %T %T" 1 (add 1 2) (index "a" 0) }}', 'int int64 uint8'],
  ['{{ range add 1 1 }}{{ printf "%T%d " . . }}{{ end }}', 'int640 int641 '],
  ['{{ eq (add 1 2) 3 }}{{ lt (len "a") (add 1 2) }}', 'truetrue'],
  ['{{ slice .a (add 1 1) }}{{ index "abc" (add 1 1) }}', 'llo99'],
  [
    '{{ printf "%05d|%+d|% d|%x|%#x|%#o|%b|%c|%q|%U" 42 7 7 255 255 8 5 65 65 8984 }}',
    "00042|+7| 7|ff|0xff|010|101|A|'A'|U+2318",
  ],
  [
    '{{ printf "%6.2f|%-8.1f|%08.3f|%e|%g|%G" 3.14159 2.5 -2.5 123456.789 1e21 1e-7 }}',
    '  3.14|2.5     |-002.500|1.234568e+05|1e+21|1E-07',
  ],
  [
    '{{ printf "%[2]s %[1]s|%*d|%.*f" .a .n 5 42 2 3.14159 }}',
    '5 Hello|%!(BADWIDTH)5|%!f(int=000000000000000000000000000000000000000002)',
  ],
  [
    '{{ printf "%v %d %s" (fromJson "[1,\\"a\\",null]") (fromJson "[1]") true }}',
    '[1 a <nil>] [%!d(float64=1)] %!s(bool=true)',
  ],
  ['{{ printf "%#v %#v" (fromJson "[1]") .a }}', '[]interface {}{1} "Hello"'],
  ['{{ printf "%!" }}{{ printf "%z" 1 }}{{ printf "%" }}', '%!!(MISSING)%!z(int=1)%!(NOVERB)'],
  // Layouts, zones and years of Go's time package.
  ['{{ toDateInZone "2006-01-02" "Asia/Tokyo" "1850-05-06" }}', '1850-05-06 00:00:00 +0918 LMT'],
  ['{{ toDate "2006-01-02T15:04:05Z07:00" "2024-01-01T00:00:00+05:30" }}', '2024-01-01 00:00:00 +0530 +0530'],
  [
    '{{ toDate "Jan _2, 2006 at 3:04pm (MST)" "Feb 3, 2013 at 7:54pm (PST)" }}',
    '2013-02-03 19:54:00 +0000 PST',
  ],
  ['{{ toDate "2006-002" "2024-060" | date "Jan 2 __2 Janet" }}', 'Feb 29  60 Janet'],
  ['{{ toDate "15:04:05" "03:04:05.678" | date ".000 ,00 _2006" }}', '.678 ,67 _0000'],
  ['{{ toDateInZone "2006" "America/New_York" "0000" | date "2006-01-02T15:04:05" }}', '0000-01-01T04:56:02'],
  // Numbers as Go writes them.
  ['{{ add 010 0x1F 0b101 0o17 1_000 }} {{ 0x1p4 }} {{ -.5 }}', '1059 16 -0.5'],
  ['{{ add "2.9" "0x10" " 5" "1e3" }} {{ addf "2.5" "0x1p2" "x" }}', '18 6.5'],
  [
    '{{ addf 0.1 0.2 }} {{ mulf 1e10 1.1 1e-7 }} {{ divf 1 3 }} {{ subf 5 0.7 }}',
    '0.3 1100 0.3333333333333333 4.3',
  ],
  ['{{ round 2.5 400 }} {{ int 1e30 }}', 'NaN -9223372036854775808'],
  // Methods of times.
  [
    '{{ (unixToTime .ts).Year }} {{ (unixToTime .ts).Month }} {{ (unixToTime .ts).Weekday | printf "%d" }}',
    '2023 March 4',
  ],
  ['{{ (unixToTime .ts).Format "02.01.06" }} {{ (__timestamp__).Unix }}', '23.03.23 1700000000'],
  [
    '{{ if (unixToTime .ts).Before (toDate "2006" "2024") }}{{ (unixToTime .ts).UnixMilli }}{{ end }}',
    '1679577215000',
  ],
  [
    '{{ ((unixToTime .ts).AddDate 0 1 9).Format "2006-01-02 15:04:05" }} {{ (unixToTime .ts).Month.String | lower }}',
    '2023-05-02 13:13:35 march',
  ],
  [
    '{{ ((unixToTime .ts).Truncate 3600000000000).Format "15:04:05" }} {{ ((unixToTime .ts).Round 3600000000000).Hour }}',
    '13:00:00 13',
  ],
  [
    '{{ with ((unixToTime .ts).Add 5430000000000).Sub (unixToTime .ts) }}{{ . }} {{ .Minutes }} {{ .Milliseconds }} {{ .Round 3600000000000 }}{{ end }}',
    '1h30m30s 90.5 5430000 2h0m0s',
  ],
  ['{{ (unixToTime .ts).Compare __timestamp__ }} {{ (__timestamp__).Compare __timestamp__ }}', '-1 0'],
  [`{{ title "o'neill-x a_b" }}`, "O'Neill-X A_b"],
  ['{{ le 1 2 }}{{ ge 2 2 }}{{ gt 3 2 }}{{ ne 1 2 }}', 'truetruetruetrue'],
  ['{{ if and .n .e }}a{{ else if or .e .a }}b{{ end }}', 'b'],
  ['{{ lower (upper .a) }}', 'hello'],
  ['{{ (upper .a) | lower }}', 'hello'],
  ['{{ `x` | upper }}', 'X'],
  ['{{ true | not }}', 'false'],
  ['{{- .a -}} x {{- /* c */ -}} y', 'Helloxy'],
  ['{{ template "q" }}{{ define "q" }}{{ .n }}{{ end }}', '<no value>'],
  ['{{ regexReplaceAll "l+" .a "<$0>" | lower | len }}', '7'],
  ['{{ alignLeft -1 .a }}{{ alignRight -2 .a }}', 'HelloHello'],
  ['{{ alignLeft 0 .a }}|{{ alignRight 0 .a }}', '|'],
  ['{{ lower .a | add 1 | sub 5 }}', '4'],
  ['{{ print }}{{ println 1 "a" }}', '1 a\n'],
  ['{{ html }}{{ len "é" }}', '2'],
  ['{{ trimAll "H" .a }}{{ trimPrefix "H" .a }}{{ TrimPrefix .a "H" }}', 'elloelloello'],
  ['{{ title "foo bar" }}', 'Foo Bar'],
  ['{{ urlencode "a b&c" }}{{ urlquery "a b" }}', 'a+b%26ca+b'],
  ['{{ ceil 1.2 }}{{ floor 1.8 }}{{ int "5x" }}{{ float64 "2.5" }}', '2102.5'],
];

describe('the execution of templates', () => {
  it('fails where and as Loki says', () => {
    for (const [template, words] of failing)
      assert.equal(execute(template), `template: line:${words}`, template);
  });

  it('fails on the row where it would make too much', () => {
    for (const [template, words, line] of unbounded) {
      const message = execute(template, line);
      assert.equal(message.slice(-words.length), words, template);
    }
  });

  it('does not parse what Loki does not', () => {
    for (const [template, words] of unread) {
      assert.equal(execute(template), `invalid line template: template: line:1: ${words}`, template);
    }
  });

  it('gives what Loki gives', () => {
    for (const [template, line] of made) assert.equal(execute(template), line, template);
  });
});
