import type { PayloadFormat } from '../../schema/index.js';
import { PayloadError } from '../errors.js';
import type { Format } from './format.js';
import { otlpJson, otlpProtobuf } from './otlp.js';
import { remoteWrite1 } from './remote-write-1.js';
import { remoteWrite2 } from './remote-write-2.js';

export type { Format, Prepared } from './format.js';

/** By the name that the spool keeps with a payload, which therefore never changes. */
const formats: ReadonlyMap<PayloadFormat, Format> = new Map([
  ['protobuf', otlpProtobuf],
  ['json', otlpJson],
  ['remote_write_1', remoteWrite1],
  ['remote_write_2', remoteWrite2],
]);

/** Throws PayloadError for one that this version does not know: its payload was spooled by a newer one. */
export function formatNamed(name: PayloadFormat): Format {
  const format = formats.get(name);
  if (format) return format;
  throw new PayloadError('malformed', `the format ${JSON.stringify(name)} is not known to this version`);
}
