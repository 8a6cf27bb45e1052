import type { Address, Hex } from 'viem';
import { decodeHeader, encodeHeader, type Root, type Tensor } from '#core/hashing';
import type { Claim, Request } from '#core/protocol';
import { contractAt, type BatchWord } from './calls.js';
import type { Chain } from './connection.js';
import { eventPages } from './events.js';
import { iConsumerAbi } from './generated/abis.js';

/** A request a contract made (event InferenceAsked). */
export interface ContractRequest {
  readonly jobId: Root;
  readonly request: Request;
  readonly inputs: readonly Tensor[];
}

export const PROGRESS = ['none', 'asked', 'delivered', 'given-up'] as const;
export type Progress = (typeof PROGRESS)[number];

/** A claim and its place in a batch, as contracts want to see it. */
export interface PlacedClaim {
  readonly claim: Claim;
  readonly batchId: bigint;
  readonly batch: BatchWord;
  readonly proof: readonly Root[];
}

export type Consumer = ReturnType<typeof consumerAt>;

/** A contract that asks for inferences (contracts/src/interfaces/IConsumer.sol). */
export function consumerAt({ client, sender, finalityDepth }: Pick<Chain, 'client' | 'sender' | 'finalityDepth'>, address: Address) {
  const contract = contractAt({ name: 'Consumer', abi: iConsumerAbi, address, client, sender });
  return {
    address,
    deliver: (request: Request, placed: PlacedClaim, outputs: readonly Tensor[]) => contract.write('deliver', [request, placed, outputs.map(encoded)]),
    retract: (request: Request, claim: Claim) => contract.write('retract', [request, claim]),
    giveUp: (jobId: Root) => contract.write('giveUp', [jobId]),
    progressOf: async (jobId: Root): Promise<Progress> => PROGRESS[(await contract.read('jobOf', [jobId])).progress] ?? 'none',
    /** Endless: every request from a block on, in order. A request whose block is undone by a reorganisation may come again. */
    async *requests({ fromBlock, pollMs, signal, onError }: { fromBlock: bigint; pollMs: number; signal: AbortSignal; onError?: (error: unknown) => void }): AsyncGenerator<{ readonly found: readonly ContractRequest[]; readonly caughtUp: boolean }, void, void> {
      for await (const { events, to, head } of eventPages({ client, addresses: [address], fromBlock, pollMs, signal, finalityDepth, ...(onError ? { onError } : {}) })) {
        yield { found: events.flatMap((event) => (event.eventName === 'InferenceAsked' ? [requestOf(event.args)] : [])), caughtUp: to === head };
      }
    },
  };
}

function requestOf({ jobId, request, inputs }: { jobId: Hex; request: Request; inputs: readonly { header: Hex; data: Hex }[] }): ContractRequest {
  return { jobId, request, inputs: inputs.map(({ header, data }) => ({ ...decodeHeader(header), data: Uint8Array.from(Buffer.from(data.slice(2), 'hex')) })) };
}

const encoded = (tensor: Tensor) => ({ header: encodeHeader(tensor), data: `0x${Buffer.from(tensor.data).toString('hex')}` as Hex });
