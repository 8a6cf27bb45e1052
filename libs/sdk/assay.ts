import type { Tensor } from '#core/hashing';
import type { Receipt } from '#core/protocol';
import { CoordinatorClient, type ClientTls } from '#io/rpc';
import { Connection, type ConnectionOptions } from './connection.js';
import { replayReceipt, type Replay } from './replay.js';

export interface ConnectOptions extends ConnectionOptions {
  /** The coordinator's gRPC address, host:port. */
  readonly url: string;
  /** For a coordinator with TLS: {} trusts the system's authorities. */
  readonly tls?: ClientTls;
}

/** A submitter's connection to a network. */
export class Assay extends Connection {
  /** @throws AssayError COORDINATOR_UNREACHABLE, CHAIN_MISMATCH if the coordinator works for another network than `deployment` */
  static async connect({ url, tls, ...options }: ConnectOptions): Promise<Assay> {
    const client = new CoordinatorClient(url, tls);
    return new Assay(client, await Connection.networkOf(client, options), options);
  }

  /** Fetches the receipt's model, and the inputs unless they are given, and runs the job again on this machine. */
  async replay(receipt: Receipt, inputs?: readonly Tensor[], onProgress?: (downloadedBytes: number) => void): Promise<Replay> {
    return replayReceipt(receipt, await this.client.downloadModel(receipt.claim.message.modelId, onProgress ? { onProgress } : {}), inputs ?? (await this.inputs(receipt)));
  }
}

export function connect(options: ConnectOptions): Promise<Assay> {
  return Assay.connect(options);
}
