export { callerOf, readAtLeast } from './callers.js';
export { CoordinatorClient, SUBMIT_WAIT_MS, type CallOptions, type ClientTls, type Registration, type RemoteJob, type Submission } from './client.js';
export { encodeJob, encodeModel, encodeRequest, encodeStatus, encodeTensor, type JobParts, type ModelReference } from './encoding.js';
export { ErrorFilter } from './error-filter.js';
export {
  getJobMessage,
  getModelMessage,
  listModelsMessage,
  parseMessage,
  registerMessage,
  submitMessage,
  watchJobMessage,
  type JobView,
  type ModelView,
  type NetworkStatus,
  type RegisterHeader,
  type SubmitMessage,
  type TensorMessage,
} from './messages.js';
export { INFERENCE_FILES, LOADER_OPTIONS, MAX_MESSAGE_BYTES, MODEL_CHUNK_BYTES } from './protos.js';
export { grpcServer, INFERENCE_API, NATIVE_API, requireFree, type Api, type GrpcServer, type ServerTls } from './server.js';
export { toStatus } from './status.js';
