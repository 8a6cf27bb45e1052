import type { Metadata, ServerDuplexStream, ServerUnaryCall } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod, GrpcStreamCall } from '@nestjs/microservices';
import { AssayError, asAssayError } from '#core/protocol';
import { callerOf, parseMessage } from '#io/rpc';
import { InferenceService, type Caller } from '../inference/inference.service.js';
import { SERVER } from '../inference/server-info.js';
import { Statistics } from '../inference/statistics.js';
import { configOf, indexOf, metadataOf, statisticsOf } from '../models/descriptions.js';
import { ModelDirectory } from '../models/directory.js';
import { encodeInfer, indexMessage, parseInfer, versionedMessage } from './messages.js';
import { streamInOrder } from './stream.js';

const SERVICE = 'GRPCInferenceService';

/** inference.GRPCInferenceService: parses at the edge, calls the use case, encodes. */
@Controller()
export class InferenceController {
  constructor(
    @Inject(InferenceService) private readonly inference: InferenceService,
    @Inject(ModelDirectory) private readonly directory: ModelDirectory,
    @Inject(Statistics) private readonly statistics: Statistics,
  ) {}

  @GrpcMethod(SERVICE, 'ServerLive')
  serverLive() {
    return { live: true };
  }

  @GrpcMethod(SERVICE, 'ServerReady')
  async serverReady() {
    return { ready: this.inference.isOpen && (await this.directory.serverReady()) };
  }

  @GrpcMethod(SERVICE, 'ModelReady')
  async modelReady(message: unknown) {
    const { name, version } = parseMessage(versionedMessage, message, 'ModelReadyRequest');
    return { ready: await this.directory.modelReady(name, version) };
  }

  @GrpcMethod(SERVICE, 'ServerMetadata')
  serverMetadata() {
    return SERVER;
  }

  @GrpcMethod(SERVICE, 'ModelMetadata')
  async modelMetadata(message: unknown) {
    const { name, version } = parseMessage(versionedMessage, message, 'ModelMetadataRequest');
    return metadataOf(await this.directory.find(name, version));
  }

  @GrpcMethod(SERVICE, 'ModelInfer')
  async modelInfer(message: unknown, metadata: Metadata, call: ServerUnaryCall<unknown, unknown>) {
    const { request, raw } = parseInfer(message);
    return encodeInfer(await this.inference.infer(request, { ...asking(metadata, call.getDeadline()), gone: callerOf(call).gone }), raw);
  }

  /** SAFETY: what Nest's filters throw on a streamed request nobody handles; every failure goes into the stream here. */
  @GrpcStreamCall(SERVICE, 'ModelStreamInfer')
  modelStreamInfer(call: ServerDuplexStream<unknown, unknown>): Promise<void> {
    const caller = { ...asking(call.metadata), gone: callerOf(call).gone };
    return streamInOrder(call, async (message) => {
      let id = '';
      try {
        const { request, raw } = parseInfer(message);
        ({ id } = request);
        const response = encodeInfer(await this.inference.infer(request, caller), raw);
        return { errorMessage: '', inferResponse: { ...response, parameters: { ...response.parameters, triton_final_response: { boolParam: true } } } };
      } catch (thrown) {
        const error = asAssayError(thrown);
        return { errorMessage: `${error.code}: ${error.message}`, inferResponse: { id, parameters: { assay_error: { stringParam: JSON.stringify(error) } } } };
      }
    }, this.inference.stopping);
  }

  @GrpcMethod(SERVICE, 'ModelConfig')
  async modelConfig(message: unknown) {
    const { name, version } = parseMessage(versionedMessage, message, 'ModelConfigRequest');
    return { config: camel(configOf(await this.directory.find(name, version))) };
  }

  @GrpcMethod(SERVICE, 'ModelStatistics')
  async modelStatistics(message: unknown) {
    const { name, version } = parseMessage(versionedMessage, message, 'ModelStatisticsRequest');
    const models = name === '' ? await this.directory.all() : [await this.directory.find(name, version)];
    const tallies = models.map((model) => statisticsOf(model, this.statistics.of(model.model.modelId)));
    return { modelStats: tallies.map(camel) };
  }

  @GrpcMethod(SERVICE, 'RepositoryIndex')
  async repositoryIndex(message: unknown) {
    const { repositoryName, ready } = parseMessage(indexMessage, message, 'RepositoryIndexRequest');
    if (repositoryName !== '') throw new AssayError({ code: 'OPTION_UNSUPPORTED', message: 'there is one repository, without a name', facts: { option: 'repository_name' } });
    return { models: await indexOf(this.directory, ready) };
  }
}

/** The call's own deadline bounds the wait, less what the way back takes. */
function asking(metadata: Metadata, deadline?: Date | number): Omit<Caller, 'gone'> {
  const [authorization] = metadata.get('authorization');
  const left = deadline === undefined ? Infinity : Number(deadline) - Date.now();
  return { authorization: authorization?.toString(), ...(Number.isFinite(left) ? { waitMs: Math.max(1, left - WAY_BACK_MS) } : {}) };
}

const WAY_BACK_MS = 50;

/** snake_case keys as proto-loader wants them. */
function camel(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camel);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), camel(inner)]));
}
