import { describe } from 'node:test';
import { itGives, itRefuses } from './cases.test.support.js';

describe('LogQL line filters', () => {
  itGives([
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
    ['|~ "a.c"', 'a\nc', 'dropped'],
    ['|~ "^c"', 'a\nc', 'dropped'],
    ['|~ "(?s)a.c"', 'a\nc', {}],
  ]);
  itRefuses([
    ['|> "<_><_>"', /found consecutive capture '<_><_>'/],
    ['|> "<a>c"', /parse error : stage '\|> "<a>c"' : named captures are not allowed: found '<a>'$/],
    ['|= ip("nope")', /: ip: invalid pattern: "nope"$/],
  ]);
});
