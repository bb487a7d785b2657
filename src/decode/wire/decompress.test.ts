import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import { compressSync } from 'snappy';
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

/** framing_format.txt of google/snappy; every other chunk is left as it is. */
function framedSnappy(body: Buffer, chunkBytes = 65_536): Buffer {
  const chunk = (type: number, data: Uint8Array) => {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(type | (data.length << 8));
    return Buffer.concat([head, data]);
  };
  const parts = [chunk(0xff, Buffer.from('sNaPpY'))];
  for (let at = 0, i = 0; at < body.length; at += chunkBytes, i++) {
    const plain = body.subarray(at, at + chunkBytes);
    const crc = crc32c(plain);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
    parts.push(chunk(i % 2, Buffer.concat([checksum, i % 2 === 1 ? plain : compressSync(plain)])));
  }
  return Buffer.concat([...parts, chunk(0xfe, Buffer.alloc(10))]);
}

describe('decompress: snappy', () => {
  const block = compressSync(words);
  const frames = framedSnappy(words, 500);

  it('takes frames and a bare block, up to the limit exactly', () => {
    for (const packed of [block, frames]) {
      assert.deepEqual(Buffer.from(decompress(packed, 'snappy', words.length)), words);
      assert.equal(code(packed, 'snappy', words.length - 1), 'too_large');
      const shared = new Uint8Array(new SharedArrayBuffer(packed.length));
      shared.set(packed);
      assert.deepEqual(Buffer.from(decompress(shared, 'snappy', limit)), words);
    }
    for (const empty of [compressSync(Buffer.alloc(0)), framedSnappy(Buffer.alloc(0))]) {
      assert.equal(decompress(empty, 'snappy', limit).length, 0);
    }
    const long = Buffer.alloc(300_000, 'ab');
    assert.deepEqual(Buffer.from(decompress(framedSnappy(long), 'snappy', long.length)), long);
  });

  it('finds every damage, and none of it takes memory', () => {
    for (const packed of [block, frames]) {
      for (let cut = 1; cut < packed.length - 14; cut++) {
        assert.notEqual(code(packed.subarray(0, cut), 'snappy'), 'too_large', String(cut));
      }
    }
    for (let at = 0; at < frames.length; at++) {
      const flipped = Buffer.from(frames);
      flipped[at]! ^= 0x10;
      // What is skipped may be anything, and a chunk may become one that is skipped.
      if (code(flipped, 'snappy') === 'ok') {
        assert.ok(
          at >= frames.length - 14 || decompress(flipped, 'snappy', limit).length < words.length,
          String(at),
        );
      }
    }
    assert.equal(code(new Uint8Array(0), 'snappy'), 'malformed');
    // A few bytes that claim 90,000.
    assert.equal(code(Uint8Array.from([0x90, 0xbf, 0x05, 0, 0x61]), 'snappy'), 'malformed');
    assert.equal(code(Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0x61]), 'snappy'), 'too_large');
  });
});
