import type { Address } from 'viem';
import { z } from 'zod';
import type { Chain } from '#io/chain';
import { MAX_MESSAGE_BYTES, Pages, type BatchSummary, type DisputeSummary, type NetworkParameters, type StakedPeer } from '#io/rpc';
import type { BatchRecord, DisputeQuery, Storage } from '#io/storage';
import type { PresenceBoard } from '../assignment/presence-board.js';
import type { CoordinatorConfig } from '../config.js';
import { MAX_DEADLINE_SECONDS } from '../submission/acceptance.js';

export interface NetworkListsParts {
  readonly chain: Pick<Chain, 'vault' | 'batches' | 'disputes'>;
  readonly config: CoordinatorConfig;
  readonly storage: Pick<Storage, 'batches' | 'disputes'>;
  readonly board: PresenceBoard;
}

interface Listed<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

const peerKey = z.tuple([z.string().length(42)]);
const batchKey = z.tuple([z.number().int().min(0)]);
const disputeKey = z.tuple([z.string().regex(/^\d{1,18}$/).transform(BigInt), z.string().max(66)]);

/** Who is there, what was batched and disputed, and by which rules. */
export class NetworkLists {
  constructor(private readonly parts: NetworkListsParts) {}

  /** Those present, by address. */
  async peers(role: StakedPeer['peer']['role'], limit: number, pageToken: string): Promise<Listed<StakedPeer>> {
    const pages = new Pages([role], peerKey);
    const [after] = pages.after(pageToken) ?? [''];
    const present = this.parts.board.present(role).map(({ role, address, version, profile, capacity, running }) => ({ role, address: address.toLowerCase() as Address, version, profile, capacity, running }));
    const behind = present.filter(({ address }) => address > after).sort((a, b) => (a.address < b.address ? -1 : 1));
    const { items, nextPageToken } = pages.page(behind, limit, ({ address }) => [address]);
    return { items: await Promise.all(items.map((peer) => this.staked(peer))), nextPageToken };
  }

  /** Newest first. */
  async batches(limit: number, pageToken: string): Promise<Listed<BatchSummary>> {
    const pages = new Pages(['batches'], batchKey);
    const { items, nextPageToken } = pages.page(await this.parts.storage.batches.page(limit + 1, pages.after(pageToken)?.[0]), limit, ({ seq }) => [seq]);
    return { items: items.map(batchSummary), nextPageToken };
  }

  async disputes(state: DisputeQuery['state'], limit: number, pageToken: string): Promise<Listed<DisputeSummary>> {
    const pages = new Pages(['disputes', state], disputeKey);
    const key = pages.after(pageToken);
    const found = await this.parts.storage.disputes.page({ state, before: key && { block: key[0], gameId: key[1] }, limit: limit + 1 });
    const { items, nextPageToken } = pages.page(found, limit, ({ openedBlock, gameId }) => [String(openedBlock), gameId]);
    return { items: items.map(({ claimDigest: claim, ...rest }) => ({ claim, ...rest })), nextPageToken };
  }

  async parameters(): Promise<NetworkParameters> {
    const { chain, config } = this.parts;
    const [challengeWindow, beaconDelay, sampleRate, disputes] = await Promise.all([chain.batches.challengeWindow(), chain.batches.beaconDelay(), chain.batches.sampleRate(), chain.disputes.parameters()]);
    const named = { ...prefixed('batches', { challengeWindow, beaconDelay, sampleRate }), ...prefixed('disputes', disputes) };
    return {
      chain: named,
      price: config.ASSAY_JOB_PRICE,
      maxModelBytes: config.ASSAY_MODEL_MAX_BYTES,
      maxMessageBytes: MAX_MESSAGE_BYTES,
      maxDeadlineSeconds: Number(MAX_DEADLINE_SECONDS),
      maxOpenJobs: config.ASSAY_MAX_OPEN_JOBS,
      submitterRate: config.ASSAY_SUBMITTER_RATE,
      callerRate: config.ASSAY_CALLER_RATE,
    };
  }

  private async staked(peer: StakedPeer['peer']): Promise<StakedPeer> {
    const { vault, batches } = this.parts.chain;
    const [{ amount }, exposure] = await Promise.all([vault.stakeOf(peer.address), peer.role === 'executor' ? batches.exposureOf(peer.address) : 0n]);
    return { peer, stake: amount, exposure };
  }
}

function batchSummary({ root, count, state, landing }: BatchRecord): BatchSummary {
  return { batchId: landing?.batchId ?? 0n, root, count, state, transaction: landing?.transaction };
}

function prefixed(contract: string, values: object): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${contract}.${name}`, String(value)]));
}
