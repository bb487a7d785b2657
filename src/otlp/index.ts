export { otlpHttp, type OtlpHttpOptions } from './http.js';
export { startOtlpGrpc, type OtlpGrpcOptions, type OtlpGrpcServer } from './grpc.js';
