import type { Metadata, ServerWritableStream } from '@grpc/grpc-js';
import { Controller, Inject, UseInterceptors } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { map, type Observable } from 'rxjs';
import { encodeBatch, encodeDispute, encodeParameters, encodePeer, encodeStatus, listDisputesMessage, listPageMessage, parseMessage, readAtLeast, type StakedPeer } from '#io/rpc';
import { CallerLimit } from '../submission/caller-limit.js';
import { NetworkLists } from './network-lists.js';
import { NetworkStatusService } from './network-status.js';

/** assay.v1.Network */
@Controller()
@UseInterceptors(CallerLimit)
export class NetworkController {
  constructor(
    @Inject(NetworkStatusService) private readonly network: NetworkStatusService,
    @Inject(NetworkLists) private readonly lists: NetworkLists,
  ) {}

  @GrpcMethod('Network', 'Status')
  async status() {
    return encodeStatus(await this.network.status());
  }

  @GrpcMethod('Network', 'Watch')
  watch(_message: unknown, _metadata: Metadata, call: ServerWritableStream<unknown, unknown>): Observable<ReturnType<typeof encodeStatus>> {
    return this.network.watch().pipe(map((status) => encodeStatus(status)), readAtLeast(call));
  }

  @GrpcMethod('Network', 'Executors')
  executors(message: unknown) {
    return this.peers('executor', message);
  }

  @GrpcMethod('Network', 'Challengers')
  challengers(message: unknown) {
    return this.peers('challenger', message);
  }

  @GrpcMethod('Network', 'Batches')
  async batches(message: unknown) {
    const { pageSize, pageToken } = parseMessage(listPageMessage, message, 'ListBatchesRequest');
    const { items, nextPageToken } = await this.lists.batches(pageSize, pageToken);
    return { batches: items.map(encodeBatch), nextPageToken };
  }

  @GrpcMethod('Network', 'Disputes')
  async disputes(message: unknown) {
    const { pageSize, pageToken, state } = parseMessage(listDisputesMessage, message, 'ListDisputesRequest');
    const { items, nextPageToken } = await this.lists.disputes(state, pageSize, pageToken);
    return { disputes: items.map(encodeDispute), nextPageToken };
  }

  @GrpcMethod('Network', 'Parameters')
  async parameters() {
    return encodeParameters(await this.lists.parameters());
  }

  private async peers(role: StakedPeer['peer']['role'], message: unknown) {
    const { pageSize, pageToken } = parseMessage(listPageMessage, message, 'ListPeersRequest');
    const { items, nextPageToken } = await this.lists.peers(role, pageSize, pageToken);
    return { peers: items.map(encodePeer), nextPageToken };
  }
}
