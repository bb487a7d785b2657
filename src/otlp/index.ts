export { otlpHttp, type OtlpHttpOptions } from './http.js';
export { startOtlpGrpc, type OtlpGrpcOptions, type OtlpGrpcServer } from './grpc.js';
export type { OtlpOptions } from './export.js';
