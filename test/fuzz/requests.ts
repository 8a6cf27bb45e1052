import type { Hex, LocalAccount } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { listRoot, tensorRoot, type Tensor } from '#core/hashing';
import { accessTypedData, NO_JOB, requestTypedData, type Access, type ErrorCode, type NetworkId, type Request } from '#core/protocol';
import { encodeRequest, encodeTensor } from '#io/rpc';
import type { Random } from '#testing';
import { mutated } from './mutation.js';

/** Who asks, and a job of its own that has its answer. */
export interface Asker {
  readonly account: LocalAccount;
  readonly network: NetworkId;
  readonly request: Request;
  readonly inputs: readonly Tensor[];
  readonly jobId: Hex;
}

/** A call with one thing wrong, and what must be answered. */
export interface Wrong {
  readonly what: string;
  readonly message: object;
  readonly expected: readonly (ErrorCode | 'taken')[];
}

interface Draft {
  /** A nonce that another job of the submitter has. */
  readonly used: bigint;
  readonly request: Request;
  readonly network: NetworkId;
  readonly inputs: readonly Tensor[];
  readonly account: LocalAccount;
  readonly signature?: Hex;
}
/** @returns what is different from a request that would be taken */
type Twist = (draft: Draft, random: Random) => Partial<Draft>;

const STRANGER = privateKeyToAccount(generatePrivateKey());
const WORKS = ['taken', 'JOB_PENDING'] as const;
const seconds = () => BigInt(Math.floor(Date.now() / 1000));
const first = ({ inputs: [tensor] }: Draft, change: Partial<Tensor>) => ({ inputs: [{ ...tensor!, ...change }] });

const TWISTS: readonly { readonly what: string; readonly expected: Wrong['expected']; readonly twist: Twist }[] = [
  { what: 'nothing', expected: WORKS, twist: () => ({}) },
  { what: 'an old nonce', expected: ['NONCE_REUSED'], twist: ({ request, used }) => ({ request: { ...request, nonce: used } }) },
  { what: 'another chain', expected: ['REQUEST_SIGNATURE_INVALID'], twist: ({ network }, random) => ({ network: { ...network, chainId: random.pick([1, 0, 11_155_111]) } }) },
  { what: 'another contract', expected: ['REQUEST_SIGNATURE_INVALID'], twist: ({ network }) => ({ network: { ...network, disputes: STRANGER.address } }) },
  { what: 'another signer', expected: ['REQUEST_SIGNATURE_INVALID'], twist: () => ({ account: STRANGER }) },
  { what: 'a broken signature', expected: ['REQUEST_SIGNATURE_INVALID', 'MESSAGE_MALFORMED'], twist: (_, random) => ({ signature: `0x${Buffer.from(random.bytes(random.pick([0, 1, 64, 65, 66, 4_000, 60_000]))).toString('hex')}` }) },
  { what: 'somebody else', expected: ['DEPOSIT_TOO_LOW'], twist: ({ request }) => ({ account: STRANGER, request: { ...request, submitter: STRANGER.address } }) },
  { what: 'a deadline that passed', expected: ['REQUEST_EXPIRED'], twist: ({ request }, random) => ({ request: { ...request, deadline: random.pick([0n, 1n, seconds() - 1n]) } }) },
  { what: 'a deadline far away', expected: ['REQUEST_EXPIRED'], twist: ({ request }, random) => ({ request: { ...request, deadline: random.pick([2n ** 64n - 1n, 2n ** 63n, seconds() + 10_000_000n]) } }) },
  { what: 'a small fee', expected: ['FEE_TOO_LOW'], twist: ({ request }, random) => ({ request: { ...request, maxFee: random.pick([0n, 1n]) } }) },
  { what: 'a great fee', expected: WORKS, twist: ({ request }) => ({ request: { ...request, maxFee: 2n ** 128n - 1n } }) },
  { what: 'a great insured value', expected: ['INSURED_VALUE_TOO_HIGH'], twist: ({ request }, random) => ({ request: { ...request, insuredValue: random.pick([2n ** 128n - 1n, 2n ** 127n]) } }) },
  { what: 'an unknown model', expected: ['MODEL_UNKNOWN'], twist: ({ request }) => ({ request: { ...request, modelId: NO_JOB } }) },
  { what: 'another input root', expected: ['INPUT_ROOT_MISMATCH'], twist: ({ inputs }) => first({ inputs } as Draft, { data: inputs[0]!.data.map((byte) => byte ^ 1) }) },
  { what: 'a NaN that is not canonical', expected: ['TENSOR_DATA_MISMATCH'], twist: (draft, random) => first(draft, { data: withWord(draft.inputs[0]!.data, random.pick([0x7fa00001, 0xffc00000, 0x7fffffff])) }) },
  { what: 'the canonical NaN, infinities and subnormals', expected: WORKS, twist: (draft, random) => signedFor(draft, first(draft, { data: withWord(draft.inputs[0]!.data, random.pick([0x7fc00000, 0x7f800000, 0xff800000, 1, 0x80000000])) }).inputs) },
  { what: 'other dimensions', expected: ['TENSOR_SHAPE_MISMATCH', 'MESSAGE_MALFORMED', 'TENSOR_TOO_LARGE'], twist: (draft, random) => first(draft, { dims: random.pick([[], [0], [784], [1, 1, 28, 29], [2 ** 32 - 1, 2 ** 32 - 1], [2 ** 53 - 1], Array<number>(9).fill(1), Array<number>(5_000).fill(1)]) }) },
  { what: 'another type', expected: ['TENSOR_DTYPE_MISMATCH', 'MESSAGE_MALFORMED'], twist: (draft, random) => first(draft, { dtype: random.pick(['int64', 'uint8', 'bool', 'float64', '', 'float32\u0000', '__proto__', 'x'.repeat(5_000)]) as 'int64' }) },
  { what: 'too little or too much data', expected: ['TENSOR_DATA_MISMATCH'], twist: (draft, random) => first(draft, { data: random.bytes(random.pick([0, 1, 3_135, 3_137, 100_000])) }) },
  { what: 'no inputs, or many', expected: ['TENSOR_COUNT_MISMATCH', 'MESSAGE_MALFORMED'], twist: ({ inputs }, random) => ({ inputs: Array.from({ length: random.pick([0, 2, 64, 65, 1_000]) }, () => inputs[0]!) }) },
  { what: 'verification that nobody offers', expected: ['VERIFICATION_UNSUPPORTED', 'MESSAGE_MALFORMED'], twist: ({ request }, random) => ({ request: { ...request, ...random.pick([{ verification: 1 }, { verification: 2 }, { redundancy: 2 }, { verification: 255 }, { redundancy: 255 }, { redundancy: 0 }]) } }) },
];

/** A submission that is right but for one thing, signed as it is. */
export async function wrongSubmission(asker: Asker, random: Random): Promise<Wrong> {
  const { what, expected, twist } = random.pick(TWISTS);
  const data = new Float32Array(784).fill(random.next());
  const tensor: Tensor = { dtype: 'float32', dims: [1, 1, 28, 28], data: new Uint8Array(data.buffer) };
  const nonce = BigInt(random.between(2 ** 20, 2 ** 31)) << 20n;
  const start: Draft = { ...asker, used: asker.request.nonce, inputs: [tensor], request: { ...asker.request, inputRoot: listRoot([tensorRoot(tensor)]), nonce, deadline: seconds() + 300n } };
  const draft: Draft = { ...start, ...twist(start, random) };
    const signature = draft.signature ?? (await draft.account.signTypedData(requestTypedData(draft.network, draft.request)));
  return { what, expected, message: { request: encodeRequest(draft.request), signature, inputs: draft.inputs.map(encodeTensor), waitMs: 400 } };
}

/** An access to Cancel, List or a job's inputs that is not one. */
export async function wrongAccess({ account, network, jobId }: Asker, action: Access['action'], random: Random): Promise<Wrong> {
  const until = seconds() + 600n;
  const right: Access = { submitter: account.address, action, jobId: action === 'list' ? NO_JOB : (jobId as Access['jobId']), until };
  const other: { what: string; access?: Partial<Access>; network?: Partial<NetworkId>; account?: LocalAccount; broken?: boolean } = random.pick([
    { what: 'an access for another action', access: { action: action === 'list' ? 'cancel' : 'list' } as const },
    { what: 'an access for another job', access: { jobId: `0x${'11'.repeat(32)}` } as const },
    { what: 'an access of another network', network: { chainId: 1 } },
    { what: 'an access that somebody else signed', account: STRANGER },
    { what: 'an access that is over', access: { until: seconds() - 1n } },
    { what: 'an access for too long', access: { until: 2n ** 64n - 1n } },
    { what: 'a broken access', broken: true },
  ]);
  const signed = await (other.account ?? account).signTypedData(accessTypedData({ ...network, ...other.network }, { ...right, ...other.access }));
  const signature = other.broken ? `0x${Buffer.from(mutated(Buffer.from(signed.slice(2), 'hex'), random)).toString('hex')}` : signed;
  const access = { submitter: account.address, until: String(other.access?.until ?? right.until), signature };
  return { what: other.what, expected: other.broken ? ['ACCESS_DENIED', 'MESSAGE_MALFORMED', 'STATE_CONFLICT', 'taken'] : ['ACCESS_DENIED'], message: { jobId, access, withInputs: true, pageSize: 5 } };
}

function signedFor({ request }: Draft, inputs: readonly Tensor[]): Partial<Draft> {
  return { inputs, request: { ...request, inputRoot: listRoot(inputs.map(tensorRoot)) } };
}

function withWord(bytes: Uint8Array, word: number): Uint8Array {
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(word, 40);
  return new Uint8Array(copy);
}
