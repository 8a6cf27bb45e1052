import { hashTypedData, keccak256, type Address, type Hex, type TypedDataDomain } from 'viem';
import type { Root } from '#core/hashing';

/** The network a message is for: chain id and the Disputes contract that can judge it. */
export interface NetworkId {
  readonly chainId: number;
  readonly disputes: Address;
}

/** How much verification a submitter asks for; codes are part of the signed request. */
export const VERIFICATION = { optimistic: 0, redundant: 1, checked: 2 } as const;

/** What the submitter signs. Amounts in the token's smallest unit, deadline in seconds since 1970. */
export interface Request {
  readonly submitter: Address;
  readonly modelId: Root;
  readonly inputRoot: Root;
  readonly maxFee: bigint;
  readonly insuredValue: bigint;
  readonly deadline: bigint;
  readonly nonce: bigint;
  /** One of VERIFICATION. */
  readonly verification: number;
  /** Executors that must agree bit for bit before the answer is returned; 1 unless redundant. */
  readonly redundancy: number;
}

/** What the executor signs. Slashable evidence by itself. */
export interface Claim {
  readonly jobId: Root;
  readonly modelId: Root;
  readonly inputRoot: Root;
  readonly outputRoot: Root;
  readonly executor: Address;
  readonly coordinator: Address;
  readonly fee: bigint;
  readonly insuredValue: bigint;
}

const REQUEST_TYPES = {
  Request: [
    { name: 'submitter', type: 'address' },
    { name: 'modelId', type: 'bytes32' },
    { name: 'inputRoot', type: 'bytes32' },
    { name: 'maxFee', type: 'uint128' },
    { name: 'insuredValue', type: 'uint128' },
    { name: 'deadline', type: 'uint64' },
    { name: 'nonce', type: 'uint64' },
    { name: 'verification', type: 'uint8' },
    { name: 'redundancy', type: 'uint8' },
  ],
} as const;

const CLAIM_TYPES = {
  Claim: [
    { name: 'jobId', type: 'bytes32' },
    { name: 'modelId', type: 'bytes32' },
    { name: 'inputRoot', type: 'bytes32' },
    { name: 'outputRoot', type: 'bytes32' },
    { name: 'executor', type: 'address' },
    { name: 'coordinator', type: 'address' },
    { name: 'fee', type: 'uint128' },
    { name: 'insuredValue', type: 'uint128' },
  ],
} as const;

/** What only a submitter may ask for, signed like a request; `jobId` is NO_JOB for the list of all its jobs. */
export interface Access {
  readonly submitter: Address;
  readonly action: 'cancel' | 'inputs' | 'list';
  readonly jobId: Root;
  /** Seconds since 1970. */
  readonly until: bigint;
}

export const NO_JOB: Root = `0x${'00'.repeat(32)}`;
/** So far ahead an access may be valid. */
export const MAX_ACCESS_SECONDS = 3_600n;

const ACCESS_TYPES = {
  Access: [
    { name: 'submitter', type: 'address' },
    { name: 'action', type: 'string' },
    { name: 'jobId', type: 'bytes32' },
    { name: 'until', type: 'uint64' },
  ],
} as const;

const MOVE_TYPES = {
  Move: [
    { name: 'gameId', type: 'bytes32' },
    { name: 'state', type: 'bytes32' },
    { name: 'move', type: 'bytes32' },
  ],
} as const;

function domain(network: NetworkId): TypedDataDomain {
  return { name: 'Assay', version: '1', chainId: network.chainId, verifyingContract: network.disputes };
}

/** Typed data to sign or verify with any EIP-712 wallet. */
export function requestTypedData(network: NetworkId, message: Request) {
  return { domain: domain(network), types: REQUEST_TYPES, primaryType: 'Request' as const, message };
}

export function claimTypedData(network: NetworkId, message: Claim) {
  return { domain: domain(network), types: CLAIM_TYPES, primaryType: 'Claim' as const, message };
}

export function accessTypedData(network: NetworkId, message: Access) {
  return { domain: domain(network), types: ACCESS_TYPES, primaryType: 'Access' as const, message };
}

export function accessDigest(network: NetworkId, access: Access): Root {
  return hashTypedData(accessTypedData(network, access));
}

/** A move for anybody to send: the game, the stored word it answers, and the calldata its player would send. */
export function moveTypedData(network: NetworkId, { gameId, state, move }: { gameId: Root; state: Root; move: Hex }) {
  return { domain: domain(network), types: MOVE_TYPES, primaryType: 'Move' as const, message: { gameId, state, move: keccak256(move) } };
}

/** EIP-712 digest of the request. Submitting the same request twice is the same job. */
export function jobIdOf(network: NetworkId, request: Request): Root {
  return hashTypedData(requestTypedData(network, request));
}

/** EIP-712 digest of the claim: what the executor's signature covers, the batch leaf and the game id build on it. */
export function claimDigest(network: NetworkId, claim: Claim): Root {
  return hashTypedData(claimTypedData(network, claim));
}

export interface Signed<T> {
  readonly message: T;
  readonly signature: Hex;
}
