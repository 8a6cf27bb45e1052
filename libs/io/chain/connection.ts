import { createPublicClient, defineChain, parseAbi, type Address, type Hex, type PublicClient } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { ZERO_ROOT, type Root } from '#core/hashing';
import { AssayError, type NetworkId } from '#core/protocol';
import { batchesCalls, beaconsCalls, canariesCalls, chargesCalls, checksCalls, contractAt, disputesCalls, requestsCalls, tokenCalls, vaultCalls } from './calls.js';
import { LOCAL_CHAIN_ID } from './deploy.js';
import type { Deployment } from './deployment.js';
import { placeOf } from './asking.js';
import { distrustEndpoint, endpoints, endpointUrls } from './endpoints.js';
import { eventPages, FINALITY_DEPTH, type EventPage } from './events.js';
import { batchesAbi, beaconsAbi, canariesAbi, chargesAbi, checksAbi, disputesAbi, requestsAbi, vaultAbi } from './generated/abis.js';
import { headerOf } from './headers.js';
import { LogReader } from './logs.js';
import { answered, chainError } from './revert.js';
import { TransactionSender, type Outgoing } from './sender.js';
import { tokenAbi } from './token.js';

export interface ChainOptions {
  /** One endpoint, or several separated by commas: the first that is well is used. */
  readonly rpcUrl: string;
  readonly deployment: Deployment;
  /** Without it the connection can only read. */
  readonly privateKey?: Hex;
  /** Whose side is watched where there is no key to send with. */
  readonly account?: Address;
  readonly gasCap?: bigint;
  /** Highest maxFeePerGas offered, in wei; see SenderOptions. */
  readonly feeCap?: bigint;
  /** Milliseconds until an unmined transaction is sent again with a higher fee. */
  readonly bumpAfterMs?: number;
  readonly pollMs?: number;
  /** Milliseconds until a request to an endpoint counts as lost. */
  readonly timeoutMs?: number;
  /** Milliseconds between looks at the heads of endpoints not in use. */
  readonly probeMs?: number;
  /** Blocks from the head on within which a reorganisation re-reads no more than it undid. */
  readonly finalityDepth?: bigint;
}

export interface StreamOptions {
  readonly fromBlock: bigint;
  readonly signal: AbortSignal;
  readonly onError?: (error: unknown) => void;
}

export type Chain = Awaited<ReturnType<typeof connectChain>>;

/** Connects to the chain and makes sure it is the one the deployment is on. */
export async function connectChain(options: ChainOptions) {
  const { deployment, finalityDepth = FINALITY_DEPTH } = options;
  const pollMs = options.pollMs ?? (deployment.chainId === LOCAL_CHAIN_ID ? 200 : 2_000);
  const { client, sender } = clients(options, pollMs);
  await requireChain(client, options);
  const at = { client, sender };
  const token = contractAt({ ...at, name: 'Token', abi: tokenAbi, address: deployment.token });
  const vault = contractAt({ ...at, name: 'Vault', abi: vaultAbi, address: deployment.vault });
  const logs = new LogReader();
  const history = { client, logs, fromBlock: BigInt(deployment.deployedBlock), finalityDepth };
  const batches = batchesCalls(contractAt({ ...at, name: 'Batches', abi: batchesAbi, address: deployment.batches }), history);
  const beacons = beaconsCalls(contractAt({ ...at, name: 'Beacons', abi: beaconsAbi, address: deployment.beacons }));
  return {
    deployment,
    network: { chainId: deployment.chainId, disputes: deployment.disputes } satisfies NetworkId,
    client: client as PublicClient,
    sender,
    logs,
    /** Blocks from the head on that count as not yet final. */
    finalityDepth,
    account: sender?.address ?? options.account,
    token: tokenCalls(token),
    vault: vaultCalls(vault, token),
    batches,
    charges: chargesCalls(contractAt({ ...at, name: 'Charges', abi: chargesAbi, address: deployment.charges })),
    requests: requestsCalls(contractAt({ ...at, name: 'Requests', abi: requestsAbi, address: deployment.requests }), history),
    canaries: canariesCalls(contractAt({ ...at, name: 'Canaries', abi: canariesAbi, address: deployment.canaries }), history),
    checks: checksCalls(contractAt({ ...at, name: 'Checks', abi: checksAbi, address: deployment.checks }), history),
    beacons,
    disputes: disputesCalls(contractAt({ ...at, name: 'Disputes', abi: disputesAbi, address: deployment.disputes }), batches.batch),
    /** Any transaction of the account. */
    send: (outgoing: Outgoing) => {
      if (!sender) throw new AssayError({ code: 'INVARIANT_BROKEN', message: `${outgoing.call} needs an account to send from.` });
      return sender.send(outgoing);
    },
    /** Leaves the endpoint in use alone for a while: its logs and the state it shows do not fit. */
    distrust: () => distrustEndpoint(client.transport),
    blockNumber: () => answered('eth_blockNumber', client.getBlockNumber({ cacheTime: 0 })),
    /** The newest block without a number. */
    block: (blockNumber?: bigint) => answered('eth_getBlockByNumber', client.getBlock(blockNumber === undefined ? { blockTag: 'latest' } : { blockNumber })),
    /** How many transactions of an account are in the chain at a block, or with those that wait. */
    transactionCount: (address: Address, at: { blockNumber: bigint } | { blockTag: 'pending' }) => answered('eth_getTransactionCount', client.getTransactionCount({ address, ...at })),
    /** ERC-1271: whether the contract at the address calls the signature its own; false if there is no contract. */
    contractSigned: (address: Address, hash: Hex, signature: Hex) => contractSigned(client, address, [hash, signature]),
    /** Seconds since 1970 that the next block would carry. */
    now: () => answered('eth_getBlockByNumber', chainTime(client)),
    beacon: (batchId: bigint) => answered('eth_getBlockByNumber', beaconOf(client, batches, batchId)),
    /** The batch's beacon as contracts know it, proven now if nobody did before. */
    provenBeacon: (batchId: bigint) => provenBeacon(client, { batches, beacons }, batchId),
    /** Events of Vault, Batches, Disputes, Charges and Requests; see eventPages. */
    events: (stream: StreamOptions): AsyncGenerator<EventPage, void, void> =>
      eventPages({
        ...stream,
        client,
        pollMs,
        addresses: [deployment.vault, deployment.batches, deployment.disputes, deployment.charges, deployment.requests],
        finalityDepth,
        onRewind: () => sender?.reorganised(),
      }),
  };
}

function clients(options: ChainOptions, pollMs: number) {
  const urls = endpointUrls(options.rpcUrl);
  const chain = defineChain({
    id: options.deployment.chainId,
    name: 'Assay',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: urls } },
  });
  const { timeoutMs, probeMs, gasCap, feeCap, bumpAfterMs } = options;
  const transport = endpoints({ urls, chainId: chain.id, ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(probeMs === undefined ? {} : { probeMs }) });
  const client: PublicClient = createPublicClient({ chain, transport, pollingInterval: pollMs, cacheTime: 0 });
  if (!options.privateKey) return { client, sender: undefined };
  const account = privateKeyToAccount(options.privateKey);
  const limits = { ...(gasCap === undefined ? {} : { gasCap }), ...(feeCap === undefined ? {} : { feeCap }), ...(bumpAfterMs === undefined ? {} : { bumpAfterMs }) };
  const sender = new TransactionSender({ client, account, chainId: chain.id, ...limits });
  return { client, sender };
}

const ERC1271 = parseAbi(['function isValidSignature(bytes32 digest, bytes signature) view returns (bytes4)']);
const ERC1271_VALID = '0x1626ba7e';

/** WHY not viem's verifyHash: it takes no empty signature, which is what a contract needs that signs by what it has noted. */
async function contractSigned(client: PublicClient, address: Address, args: [Hex, Hex]): Promise<boolean> {
  try {
    return (await client.readContract({ abi: ERC1271, address, functionName: 'isValidSignature', args })) === ERC1271_VALID;
  } catch (error) {
    const failure = chainError(error, 'isValidSignature');
    if (failure.code === 'CHAIN_UNREACHABLE') throw failure;
    return false;
  }
}

async function requireChain(client: PublicClient, { rpcUrl, deployment }: ChainOptions): Promise<void> {
  const shown = endpointUrls(rpcUrl).map((url) => placeOf(url).shown).join(', ');
  // The endpoints prove their chain id before they are asked this.
  const code = await client.getCode({ address: deployment.disputes }).catch((error: unknown) => {
    throw chainError(error, `Connecting to ${shown}`);
  });
  if (!code) throw new AssayError({ code: 'CHAIN_MISMATCH', message: `There is no contract at ${deployment.disputes} on ${shown}.`, facts: { rpcUrl: shown, expected: deployment.chainId, disputes: deployment.disputes } });
}

async function chainTime(client: PublicClient): Promise<bigint> {
  const pending = await client.getBlock({ blockTag: 'pending' }).catch(() => client.getBlock({ blockTag: 'latest' }));
  return pending.timestamp;
}

/** The batch's beacon: prevrandao of the block beaconDelay after the batch's; undefined while that block isn't mined. */
async function beaconOf(client: PublicClient, batches: ReturnType<typeof batchesCalls>, batchId: bigint): Promise<Root | undefined> {
  const batch = await batches.batch(batchId);
  const blockNumber = batch.committedBlock + BigInt(batch.beaconDelay);
  if (batch.committedBlock === 0n || blockNumber > (await client.getBlockNumber({ cacheTime: 0 }))) return undefined;
  return (await client.getBlock({ blockNumber })).mixHash;
}

/** @throws AssayError CHAIN_REVERTED if the beacon's block is not mined yet, or was out of reach before anybody proved it */
async function provenBeacon(client: PublicClient, { batches, beacons }: { readonly batches: ReturnType<typeof batchesCalls>; readonly beacons: ReturnType<typeof beaconsCalls> }, batchId: bigint): Promise<Root> {
  const known = await beacons.beaconOf(batchId);
  if (known !== ZERO_ROOT) return known;
  const batch = await batches.batch(batchId);
  const header = await headerOf(client, await beacons.blockOf(batchId, batch));
  // WHY caught: somebody else may have been faster.
  const refusal = await beacons.prove(batchId, batch, header).then(() => undefined, (error: unknown) => error);
  const proven = await beacons.beaconOf(batchId);
  if (proven === ZERO_ROOT) throw chainError(refusal, 'Beacons.prove');
  return proven;
}

/** Address of a private key, for configuration checks. */
export function addressOf(privateKey: Hex): Address {
  return privateKeyToAccount(privateKey).address;
}
