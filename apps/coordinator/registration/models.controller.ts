import type { sendUnaryData, ServerReadableStream } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod, GrpcStreamCall } from '@nestjs/microservices';
import { from, map, type Observable } from 'rxjs';
import { encodeModel, getModelMessage, listModelsMessage, parseMessage, toStatus } from '#io/rpc';
import { ModelsService } from './models.service.js';
import { collectUpload } from './upload.js';

/** assay.v1.Models: parses at the edge, calls the use case, encodes. */
@Controller()
export class ModelsController {
  constructor(@Inject(ModelsService) private readonly models: ModelsService) {}

  /**
   * SAFETY: a client-streaming method answers through the callback and never throws: what Nest's filters and guards throw
   * on such a method nobody handles, and it would end the process from outside.
   */
  @GrpcStreamCall('Models', 'Register')
  async register(call: ServerReadableStream<unknown, unknown>, done: sendUnaryData<unknown>): Promise<void> {
    try {
      const upload = await collectUpload(call, this.models.parts.maxBytes);
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
    const { limit, after } = parseMessage(listModelsMessage, message, 'ListModelsRequest');
    return { models: (await this.models.list(limit, after)).map(encodeModel) };
  }

  @GrpcMethod('Models', 'Download')
  download(message: unknown): Observable<{ chunk: Uint8Array }> {
    return from(this.models.download(parseMessage(getModelMessage, message, 'GetModelRequest'))).pipe(map((chunk) => ({ chunk })));
  }
}
