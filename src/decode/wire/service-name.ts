import type { Source } from './source.js';
import { AnyValueTag, KeyValueTag, ResourceTag } from './tags.js';

const key = Buffer.from('service.name');
const longest = 200;

/** `service.name` among the attributes of the Resource messages at `parts` (start and end of each); '' when none. */
export function serviceName(source: Source, parts: readonly number[]): string {
  let name = '';
  for (let i = 0; i < parts.length; i += 2) {
    const end = parts[i + 1]!;
    for (let pos = parts[i]!; pos < end;) {
      pos = source.tag(pos, end);
      if (source.lo !== ResourceTag.attributes) {
        pos = source.skip(pos, end, source.lo);
        continue;
      }
      pos = source.open(pos, end);
      const to = source.to;
      name = stringOf(source, pos, to) ?? name;
      pos = to;
    }
  }
  return name;
}

/** The string value of a KeyValue with that key; else null. */
function stringOf(source: Source, pos: number, end: number): string | null {
  let named = false;
  let value: string | null = null;
  while (pos < end) {
    pos = source.tag(pos, end);
    const tag = source.lo;
    if (tag !== KeyValueTag.key && tag !== KeyValueTag.value) {
      pos = source.skip(pos, end, tag);
      continue;
    }
    const start = source.open(pos, end);
    pos = source.to;
    if (tag === KeyValueTag.key) named = key.equals(source.bytes.subarray(start, pos));
    else if (source.bytes[start] === AnyValueTag.stringValue) {
      const text = source.open(start + 1, pos);
      value = source.text(text, Math.min(longest, source.to - text));
    }
  }
  return named ? value : null;
}
