import type { Metadata, sendUnaryData, ServerReadableStream, ServerWritableStream } from '@grpc/grpc-js';
import { Controller, Inject, UseInterceptors } from '@nestjs/common';
import { GrpcMethod, GrpcStreamCall } from '@nestjs/microservices';
import { from, map, type Observable } from 'rxjs';
import { encodeModel, getModelMessage, listModelsMessage, modelVersionsMessage, pacedBy, parseMessage, peerOf, searchModelsMessage, tagModelMessage, toStatus, uploadStatusMessage } from '#io/rpc';
import { CallerLimit, CALLERS } from '../submission/caller-limit.js';
import type { RateLimit } from '../submission/rates.js';
import { ModelsService } from './models.service.js';
import { collectUpload } from './upload.js';

/** assay.v1.Models: parses at the edge, calls the use case, encodes. */
@Controller()
@UseInterceptors(CallerLimit)
export class ModelsController {
  constructor(
    @Inject(ModelsService) private readonly models: ModelsService,
    @Inject(CALLERS) private readonly callers: Pick<RateLimit, 'take'>,
  ) {}

  /**
   * SAFETY: a client-streaming method answers through the callback and never throws: what Nest's filters and guards throw
   * on such a method nobody handles, and it would end the process from outside.
   */
  @GrpcStreamCall('Models', 'Register')
  async register(call: ServerReadableStream<unknown, unknown>, done: sendUnaryData<unknown>): Promise<void> {
    const { maxBytes, uploads } = this.models.parts;
    try {
      this.callers.take(peerOf(call));
      const upload = await collectUpload(call, maxBytes, (chunks, file) => uploads.take(chunks, file));
      done(null, encodeModel(await this.models.register(upload)));
    } catch (error) {
      done(toStatus(error));
      call.resume();
    }
  }

  @GrpcMethod('Models', 'Get')
  async get(message: unknown) {
    return encodeModel(await this.models.get(parseMessage(getModelMessage, message, 'GetModelRequest')));
  }

  @GrpcMethod('Models', 'List')
  async list(message: unknown) {
    const { limit, pageToken } = parseMessage(listModelsMessage, message, 'ListModelsRequest');
    return this.page(limit, pageToken);
  }

  @GrpcMethod('Models', 'Search')
  async search(message: unknown) {
    const { text, limit, pageToken } = parseMessage(searchModelsMessage, message, 'SearchModelsRequest');
    return this.page(limit, pageToken, text);
  }

  @GrpcMethod('Models', 'Tag')
  async tag(message: unknown) {
    const { label, ...reference } = parseMessage(tagModelMessage, message, 'TagModelRequest');
    return encodeModel(await this.models.tag(reference, label));
  }

  @GrpcMethod('Models', 'Versions')
  async versions(message: unknown) {
    const versions = await this.models.versions(parseMessage(modelVersionsMessage, message, 'ListModelVersionsRequest').name);
    return { versions: versions.map(({ model, ...version }) => ({ ...version, model: encodeModel(model) })) };
  }

  @GrpcMethod('Models', 'UploadStatus')
  async uploadStatus(message: unknown) {
    const { fileSha256 } = parseMessage(uploadStatusMessage, message, 'UploadStatusRequest');
    return { receivedBytes: String(await this.models.parts.uploads.received(fileSha256)) };
  }

  @GrpcMethod('Models', 'Download')
  download(message: unknown, _metadata: Metadata, call: ServerWritableStream<unknown, unknown>): Observable<{ chunk: Uint8Array }> {
    return from(pacedBy(call, this.models.download(parseMessage(getModelMessage, message, 'GetModelRequest')))).pipe(map((chunk) => ({ chunk })));
  }

  private async page(limit: number, pageToken: string, text?: string) {
    const { models, nextPageToken } = await this.models.list(limit, pageToken, text);
    return { models: models.map(encodeModel), nextPageToken };
  }
}
