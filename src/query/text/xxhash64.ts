const p1 = 0x9e3779b185ebca87n;
const p2 = 0xc2b2ae3d27d4eb4fn;
const p3 = 0x165667b19e3779f9n;
const p4 = 0x85ebca77c2b2ae63n;
const p5 = 0x27d4eb2f165667c5n;

const u64 = (value: bigint) => BigInt.asUintN(64, value);
const left = (value: bigint, bits: bigint) => u64(value << bits) | (value >> (64n - bits));
const round = (sum: bigint, lane: bigint) => u64(left(u64(sum + lane * p2), 31n) * p1);

/** XXH64 with seed 0 (xxHash specification, 0.1.1). */
export function xxhash64(data: Buffer): bigint {
  const { length } = data;
  let at = 0;
  let hash: bigint;
  if (length >= 32) {
    let lanes = [u64(p1 + p2), p2, 0n, u64(-p1)];
    for (; at + 32 <= length; at += 32) {
      lanes = lanes.map((sum, i) => round(sum, data.readBigUInt64LE(at + 8 * i)));
    }
    hash = u64(lanes.reduce((sum, lane, i) => sum + left(lane, [1n, 7n, 12n, 18n][i] ?? 0n), 0n));
    for (const lane of lanes) hash = u64((hash ^ round(0n, lane)) * p1 + p4);
  } else hash = p5;
  hash = u64(hash + BigInt(length));
  for (; at + 8 <= length; at += 8) {
    hash = u64(left(hash ^ round(0n, data.readBigUInt64LE(at)), 27n) * p1 + p4);
  }
  if (at + 4 <= length) {
    hash = u64(left(hash ^ u64(BigInt(data.readUInt32LE(at)) * p1), 23n) * p2 + p3);
    at += 4;
  }
  for (; at < length; at++) hash = u64(left(hash ^ u64(BigInt(data.readUInt8(at)) * p5), 11n) * p1);
  hash = u64((hash ^ (hash >> 33n)) * p2);
  hash = u64((hash ^ (hash >> 29n)) * p3);
  return hash ^ (hash >> 32n);
}
