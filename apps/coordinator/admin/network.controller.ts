import type { Metadata, ServerWritableStream } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { map, type Observable } from 'rxjs';
import { encodeStatus, readAtLeast } from '#io/rpc';
import { NetworkStatusService } from './network-status.js';

/** assay.v1.Network */
@Controller()
export class NetworkController {
  constructor(@Inject(NetworkStatusService) private readonly network: NetworkStatusService) {}

  @GrpcMethod('Network', 'Status')
  async status() {
    return encodeStatus(await this.network.status());
  }

  @GrpcMethod('Network', 'Watch')
  watch(_message: unknown, _metadata: Metadata, call: ServerWritableStream<unknown, unknown>): Observable<ReturnType<typeof encodeStatus>> {
    return this.network.watch().pipe(map((status) => encodeStatus(status)), readAtLeast(call));
  }
}
