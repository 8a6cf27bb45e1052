export { AdminClient, drainMessage, quarantineMessage, type AdminStatus } from './admin.js';
export { callerOf, pacedBy, peerOf, readAtLeast } from './callers.js';
export { Coordinator, SUBMIT_WAIT_MS, type CallOptions, type SignedAccess, type StreamAnswer, type StreamSubmission, type Registration, type RemoteJob, type Submission } from './client.js';
export { CoordinatorClient, type ClientTls } from './grpc-calls.js';
export { WebCoordinator } from './web-calls.js';
export { WebServer } from './web-server.js';
export { encodeBatch, encodeDispute, encodeFault, encodeJob, encodeModel, encodeParameters, encodePeer, encodeRequest, encodeStatus, encodeTensor, type JobParts, type ModelReference } from './encoding.js';
export { ErrorFilter } from './error-filter.js';
export { Pages } from './page-token.js';
export {
  cancelJobMessage,
  getJobMessage,
  getModelMessage,
  listDisputesMessage,
  listJobsMessage,
  listModelsMessage,
  listPageMessage,
  modelVersionsMessage,
  parseMessage,
  registerMessage,
  searchModelsMessage,
  submitMessage,
  submitStreamMessage,
  tagModelMessage,
  uploadStatusMessage,
  watchJobMessage,
  type AccessMessage,
  type BatchSummary,
  type DisputeSummary,
  type JobView,
  type ModelVersion,
  type ModelView,
  type NetworkParameters,
  type NetworkStatus,
  type Page,
  type RegisterHeader,
  type StakedPeer,
  type SubmitMessage,
  type TensorMessage,
} from './messages.js';
export { INFERENCE_FILES, LOADER_OPTIONS } from './protos.js';
export { MAX_CONNECTIONS, MAX_MESSAGE_BYTES, MODEL_CHUNK_BYTES } from './sizes.js';
export { tlsFiles, type ServerTls } from './pem.js';
export { closing, grpcServer, INFERENCE_API, NATIVE_API, requireFree, type Api, type GrpcServer } from './server.js';
export { toFault, toStatus } from './status.js';
export { streamEnd } from './streams.js';
