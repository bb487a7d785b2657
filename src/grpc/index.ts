export { GrpcCall, type CallMetadata } from './call.js';
export { healthService, type HealthOptions, type HealthService } from './health.js';
export { encodings, type ByteBudget, type ReadLimits, type ReadResult } from './message.js';
export { startGrpcServer, type GrpcHandler, type GrpcServer, type GrpcServerOptions } from './server.js';
export { status, statusName, type Status } from './status.js';
