// What a page gets: scripts/build-sdk.mjs bundles this file with all it needs into one, dist-sdk/browser.mjs. Nothing of Node.
import { WebCoordinator } from '#io/rpc';
import image from '../../proto/image.json' with { type: 'json' };
import { Connection, type ConnectionOptions } from './connection.js';

export interface ConnectOptions extends ConnectionOptions {
  /** The coordinator's address for pages, such as https://node.example:50052. */
  readonly url: string;
}

/** A submitter's connection to a network, from a page: everything but running a job again. */
export class Assay extends Connection {
  /** @throws AssayError COORDINATOR_UNREACHABLE, CHAIN_MISMATCH if the coordinator works for another network than `deployment` */
  static async connect({ url, ...options }: ConnectOptions): Promise<Assay> {
    const client = new WebCoordinator(url, image);
    return new Assay(client, await Connection.networkOf(client, options), options);
  }
}

export function connect(options: ConnectOptions): Promise<Assay> {
  return Assay.connect(options);
}

export type { Answered, Outcome, StreamedAnswer, SubmitOptions, WaitOptions } from './connection.js';
export { verifyOnChain } from './receipts.js';
export { inputRootOf, type RequestOptions } from './requests.js';
export { tensorOf, valuesOf, type TypedArray } from './tensors.js';
export type { Dtype, Root, Tensor } from '#core/hashing';
export { AssayError, formatReceipt, parseReceipt, receiptJsonSchema, type ErrorCode, type Receipt, type ReceiptVerdict } from '#core/protocol';
export { connectChain, parseDeployment, type Chain, type Deployment } from '#io/chain';
/** WHY here: a page has no packages of its own; a key made in it can sign with these. */
export { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
