import { transcodeJson } from '../json/transcode.js';
import type { Format } from './format.js';

export const otlpProtobuf: Format = {
  column: 'otlp_protobuf',
  prepare: ({ body }) => ({ request: body }),
};

export const otlpJson: Format = {
  column: 'otlp_json',
  prepare: ({ signal, body, limits, ignored, take }) => ({
    request: transcodeJson(signal, body, limits.maxRequestRowBytes, ignored, take),
  }),
};
