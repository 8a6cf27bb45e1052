import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { map, type Observable } from 'rxjs';
import { encodeStatus } from '#io/rpc';
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
  watch(): Observable<ReturnType<typeof encodeStatus>> {
    return this.network.watch().pipe(map((status) => encodeStatus(status)));
  }
}
