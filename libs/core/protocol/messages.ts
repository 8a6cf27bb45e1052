import { hashTypedData, keccak256, stringToHex, type Address, type Hex, type TypedDataDomain } from 'viem';
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

const DOMAIN = { name: 'Assay', version: '1' } as const;

function domain(network: NetworkId): TypedDataDomain {
  return { ...DOMAIN, chainId: network.chainId, verifyingContract: network.disputes };
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
  return digestOf(network, REQUEST, request);
}

/** EIP-712 digest of the claim: what the executor's signature covers, the batch leaf and the game id build on it. */
export function claimDigest(network: NetworkId, claim: Claim): Root {
  return digestOf(network, CLAIM, claim);
}

const digits = (hex: Hex): string => hex.slice(2);
const hashOf = (text: string): string => digits(keccak256(stringToHex(text)));

/** A struct type of EIP-712 whose fields are all of one word. */
interface FlatType<Name extends string> {
  readonly hash: string;
  readonly fields: readonly { readonly name: Name; readonly type: string }[];
}

function flatType<Name extends string>(name: string, fields: readonly { readonly name: Name; readonly type: string }[]): FlatType<Name> {
  return { hash: hashOf(`${name}(${fields.map((field) => `${field.type} ${field.name}`).join(',')})`), fields };
}

const REQUEST = flatType('Request', REQUEST_TYPES.Request);
const CLAIM = flatType('Claim', CLAIM_TYPES.Claim);
const DOMAIN_WORDS = [hashOf('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'), hashOf(DOMAIN.name), hashOf(DOMAIN.version)].join('');
const separators = new WeakMap<NetworkId, string>();

/**
 * EIP-712 for types that are flat. WHY not hashTypedData: every process on a job's way makes these digests several times, and what does
 * not change between messages (hashes of the type and of the domain) is most of its work.
 * @throws RangeError for a value that does not fit its type
 */
function digestOf<Name extends string>(network: NetworkId, { hash, fields }: FlatType<Name>, message: Readonly<Record<Name, string | number | bigint>>): Root {
  const words = fields.map(({ name, type }) => word(type, message[name]));
  return keccak256(`0x1901${separatorOf(network)}${digits(keccak256(`0x${hash}${words.join('')}`))}`);
}

function separatorOf(network: NetworkId): string {
  const known = separators.get(network);
  if (known !== undefined) return known;
  const separator = digits(keccak256(`0x${DOMAIN_WORDS}${word('uint256', network.chainId)}${word('address', network.disputes)}`));
  separators.set(network, separator);
  return separator;
}

/** A value as 64 hexadecimal digits: 20 or 32 bytes of hex, or a whole number of at most the bits that `type` names. */
function word(type: string, value: string | number | bigint): string {
  if (type === 'bytes32' && /^0x[0-9a-f]{64}$/i.test(String(value))) return String(value).slice(2);
  if (type === 'address' && /^0x[0-9a-f]{40}$/i.test(String(value))) return String(value).slice(2).padStart(64, '0');
  if (type.startsWith('uint') && typeof value !== 'string' && value >= 0 && BigInt(value) >> BigInt(type.slice(4)) === 0n) return value.toString(16).padStart(64, '0');
  throw new RangeError(`${value} is not a value of type ${type}`);
}

export interface Signed<T> {
  readonly message: T;
  readonly signature: Hex;
}
