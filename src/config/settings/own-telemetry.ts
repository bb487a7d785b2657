import { headerList, httpUrl, seconds } from '../kinds.js';
import { secret, setting, timerSecs } from './definition.js';

export const selfTelemetry = {
  otlpExportEndpoint: setting(
    'OTLP_EXPORT_ENDPOINT',
    httpUrl(),
    undefined,
    "Send canardstack's own spans and metrics to this OTLP/HTTP endpoint.",
  ),
  otlpExportHeaders: setting(
    'OTLP_EXPORT_HEADERS',
    headerList(),
    undefined,
    'Headers for OTLP_EXPORT_ENDPOINT: k=v,k=v.',
    secret,
  ),
  otlpExportIntervalSecs: setting(
    'OTLP_EXPORT_INTERVAL_SECS',
    seconds(timerSecs),
    15,
    'Time between exports of own metrics.',
  ),
};
