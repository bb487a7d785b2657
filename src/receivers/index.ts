export { otlpHttp } from './otlp/http.js';
export { startOtlpGrpc, type OtlpGrpcOptions, type OtlpGrpcServer } from './otlp/grpc.js';
export type { HttpReceiverOptions } from './http.js';
export { httpReceivers } from './http-receivers.js';
export { startSyslog } from './syslog/server.js';
