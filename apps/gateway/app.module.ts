import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ErrorFilter } from '#io/rpc';
import type { Logger } from '#platform';
import { InferenceController } from './grpc/inference.controller.js';
import { InferenceService, type InferenceParts } from './inference/inference.service.js';
import { Statistics } from './inference/statistics.js';
import { ModelDirectory } from './models/directory.js';
import { LOG, RestController } from './rest/rest.controller.js';

/** The inventory of a gateway: one use case, two doors. */
@Module({})
export class GatewayModule {
  static with({ log, ...parts }: InferenceParts & { readonly log: Logger }): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [InferenceController, RestController],
      providers: [
        { provide: APP_FILTER, useValue: new ErrorFilter(log) },
        { provide: LOG, useValue: log },
        { provide: ModelDirectory, useValue: parts.directory },
        { provide: Statistics, useValue: parts.statistics },
        { provide: InferenceService, useFactory: () => new InferenceService(parts) },
      ],
    };
  }
}
