import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestClient, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { connectChain, type Chain } from '#io/chain';
import { connect, type Assay } from '#sdk';
import { startNetwork, type Network, type NetworkOptions } from '#testing';

/** A network of real processes with a submitter's connection to it. */
export interface World {
  readonly network: Network;
  readonly chain: Chain;
  readonly assay: Assay;
  end(): Promise<void>;
}

export async function startWorld(options: Omit<NetworkOptions, 'dir'> = {}): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'assay-e2e-'));
  const network = await startNetwork({ ...options, dir });
  const { urls, deployment, keys } = network;
  const chain = await connectChain({ rpcUrl: urls.rpc, deployment, pollMs: 50 });
  const assay = await connect({ url: urls.grpc, deployment, account: privateKeyToAccount(keys.privateKey('submitter')) });
  const end = async () => {
    assay.close();
    await network.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  await eventually('everybody is present', async () => (await assay.status()).peers.length === network.members.length - 1, 30_000);
  return { network, chain, assay, end };
}

/** Moves the chain's clock on. */
export async function pass({ urls }: Network, seconds: bigint): Promise<void> {
  const client = createTestClient({ mode: 'anvil', transport: http(urls.rpc) });
  await client.increaseTime({ seconds: Number(seconds) });
  await client.mine({ blocks: 1 });
}

/** Looks until it holds. @throws with `what` after `timeoutMs` */
export async function eventually(what: string, look: () => Promise<boolean> | boolean, timeoutMs: number): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await new Promise((resolve) => setTimeout(resolve, 100))) if (await look()) return;
  throw new Error(`did not come about within ${timeoutMs / 1000} s: ${what}`);
}
