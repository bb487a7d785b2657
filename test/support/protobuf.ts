/** A writer for protobuf's wire format, independent of the code under test. */
const utf8 = new TextEncoder();

export type Field = Uint8Array;

function varint(value: bigint): number[] {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return out;
}

function tagged(field: number, wireType: number, payload: ArrayLike<number>): Field {
  const tag = varint(BigInt(field * 8 + wireType));
  const out = new Uint8Array(tag.length + payload.length);
  out.set(tag);
  out.set(payload, tag.length);
  return out;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function uint(field: number, value: number | bigint): Field {
  return tagged(field, 0, varint(BigInt(value)));
}

export function fixed64(field: number, value: bigint): Field {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  return tagged(field, 1, bytes);
}

export function double(field: number, value: number): Field {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return tagged(field, 1, bytes);
}

export function fixed32(field: number, value: number): Field {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return tagged(field, 5, bytes);
}

export function bytes(field: number, value: Uint8Array): Field {
  return tagged(field, 2, concat([Uint8Array.from(varint(BigInt(value.length))), value]));
}

export function text(field: number, value: string): Field {
  return bytes(field, utf8.encode(value));
}

export function message(field: number, ...fields: Field[]): Field {
  return bytes(field, concat(fields));
}
