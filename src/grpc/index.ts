export { GrpcCall, type CallMetadata } from './call.js';
export { healthService, type HealthService } from './health.js';
export { encodings, type ReadResult } from './message.js';
export { ProtobufReader } from './protobuf-reader.js';
export { grpcConnections, startGrpcServer, type GrpcHandler, type GrpcServer } from './server.js';
export { status, statusName, type Status } from './status.js';
