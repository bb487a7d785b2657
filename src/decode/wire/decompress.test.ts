import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import type { ContentEncoding } from '../../schema/index.js';
import { PayloadError } from '../errors.js';
import { decompress } from './decompress.js';
import { loadZstd } from './zstd.js';

const limit = 100_000;
const words = Buffer.from('the quick brown fox jumps over the lazy dog; '.repeat(40));

/** `words` compressed by the zstd command line, with its size in the frame header and without. */
const zstdSized = Buffer.from(
  'KLUv/WQIBr0BAMQCdGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZzsCANRC9QFDmGUNLTOR',
  'base64',
);

const zstdStreamed = Buffer.from(
  'KLUv/QRYvQEAxAJ0aGUgcXVpY2sgYnJvd24gZm94IGp1bXBzIG92ZXIgdGhlIGxhenkgZG9nOwIA1EL1AUOYZQ0tM5E=',
  'base64',
);

function code(body: Uint8Array, encoding: ContentEncoding, max = limit): string {
  try {
    decompress(body, encoding, max);
    return 'ok';
  } catch (error) {
    assert.ok(error instanceof PayloadError, String(error));
    return error.code;
  }
}

function zstdFrame(header: number[], ...blocks: number[][]): Uint8Array {
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, ...header, ...blocks.flat()]);
}
const rawBlock = (data: string, last: boolean) => [
  (data.length << 3) | Number(last),
  0,
  0,
  ...Buffer.from(data),
];
const rleBlock = (size: number, last: boolean) => {
  const header = (size << 3) | 2 | Number(last);
  return [header & 255, (header >> 8) & 255, header >> 16, 0x61];
};

before(loadZstd);

describe('decompress', () => {
  it('undoes each encoding, bare deflate included', () => {
    assert.deepEqual(decompress(words, 'identity', limit), words);
    assert.deepEqual(decompress(gzipSync(words), 'gzip', limit), words);
    assert.deepEqual(decompress(deflateSync(words), 'deflate', limit), words);
    assert.deepEqual(decompress(deflateRawSync(words), 'deflate', limit), words);
    assert.deepEqual(Buffer.from(decompress(zstdSized, 'zstd', limit)), words);
    assert.deepEqual(Buffer.from(decompress(zstdStreamed, 'zstd', limit)), words);
    const members = Buffer.concat([gzipSync(words), gzipSync(Buffer.from('x'))]);
    assert.deepEqual(decompress(members, 'gzip', limit), Buffer.concat([words, Buffer.from('x')]));
    assert.equal(decompress(gzipSync(Buffer.alloc(0)), 'gzip', limit).length, 0);
  });

  it('joins zstd frames, with and without sizes, and skips skippable ones', () => {
    const skippable = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
    const unsized = zstdFrame([0x00, 0x38], rawBlock('hello ', false), rleBlock(3, true));
    const sized = zstdFrame([0x20, 2], rawBlock('hi', true));
    const body = Buffer.concat([skippable, unsized, sized]);
    assert.equal(Buffer.from(decompress(body, 'zstd', limit)).toString(), 'hello aaahi');
    assert.equal(decompress(new Uint8Array(0), 'zstd', limit).length, 0);
  });

  it('stops at the limit', () => {
    const zeros = Buffer.alloc(limit + 1);
    for (const encoding of ['gzip', 'deflate'] as const) {
      const compress = encoding === 'gzip' ? gzipSync : deflateSync;
      assert.equal(code(compress(zeros), encoding), 'too_large');
      assert.equal(code(compress(zeros.subarray(1)), encoding), 'ok');
    }
    assert.equal(code(zeros, 'identity'), 'too_large');
    const bomb = zstdFrame(
      [0x00, 0x38],
      ...Array.from({ length: 1000 }, (_, i) => rleBlock(131_072, i === 999)),
    );
    assert.equal(code(bomb, 'zstd'), 'too_large');
    assert.equal(code(zstdFrame([0xa0, 255, 255, 255, 255], rawBlock('', true)), 'zstd'), 'too_large');
    assert.equal(code(zstdSized, 'zstd', 100), 'too_large');
  });

  it('says that damaged data is malformed', () => {
    const cases: [Uint8Array, ContentEncoding][] = [
      [words, 'gzip'],
      [gzipSync(words).subarray(0, 30), 'gzip'],
      [new Uint8Array(0), 'gzip'],
      [words, 'deflate'],
      [words, 'zstd'],
      [zstdSized.subarray(0, 20), 'zstd'],
      [Buffer.concat([zstdSized, Buffer.of(1, 2, 3, 4, 5)]), 'zstd'],
      [zstdFrame([0x20, 5], rawBlock('hi', true)), 'zstd'],
      [zstdFrame([0x20, 5], [7, 0, 0]), 'zstd'],
    ];
    for (const [i, [body, encoding]] of cases.entries())
      assert.equal(code(body, encoding), 'malformed', String(i));
  });
});
