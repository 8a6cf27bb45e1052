import type { LocalAccount, Hex } from 'viem';
import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { jobIdOf, requestTypedData, VERIFICATION, type NetworkId, type Request, type Signed } from '#core/protocol';

/** How a request differs from the usual one. Amounts in the token's smallest unit, times in seconds since 1970. */
export interface RequestOptions {
  readonly maxFee?: bigint;
  readonly insuredValue?: bigint;
  readonly deadline?: bigint;
  /** Unique per submitter; random if left out. */
  readonly nonce?: bigint;
  readonly verification?: keyof typeof VERIFICATION;
  /** Executors that must agree; only with verification 'redundant'. */
  readonly redundancy?: number;
}

export interface NewRequest extends RequestOptions {
  readonly modelId: Root;
  readonly inputs: readonly Tensor[];
  /** Seconds since 1970. */
  readonly now: bigint;
}

const UNIT = 10n ** 18n;
const USUAL = { maxFee: UNIT, insuredValue: UNIT, patience: 600n };

/** List root of the input tensors' roots, in signature order. */
export function inputRootOf(inputs: readonly Tensor[]): Root {
  return listRoot(inputs.map(tensorRoot));
}

export function buildRequest(account: LocalAccount, options: NewRequest): Request {
  return {
    submitter: account.address,
    modelId: options.modelId,
    inputRoot: inputRootOf(options.inputs),
    maxFee: options.maxFee ?? USUAL.maxFee,
    insuredValue: options.insuredValue ?? USUAL.insuredValue,
    deadline: options.deadline ?? options.now + USUAL.patience,
    nonce: options.nonce ?? randomNonce(),
    verification: VERIFICATION[options.verification ?? 'optimistic'],
    redundancy: options.redundancy ?? 1,
  };
}

export interface SignedRequest extends Signed<Request> {
  readonly jobId: Root;
}

export async function signRequest(account: LocalAccount, network: NetworkId, message: Request): Promise<SignedRequest> {
  const signature: Hex = await account.signTypedData(requestTypedData(network, message));
  return { message, signature, jobId: jobIdOf(network, message) };
}

function randomNonce(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0]!;
}
