import { InvalidArgumentError, Option, type Command } from 'commander';
import { isAddress, isHex, type Address, type Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { AssayError } from '#core/protocol';
import { connectChain, readDeployment, type Chain, type Deployment } from '#io/chain';
import { Assay, connect } from '#sdk';
import type { ClientTls } from '#io/rpc';
import { unlocked } from '#platform';
import { LocalKeys, NetworkFolder } from '#testing';

/** The options with which a command finds a network. */
export interface PlaceOptions {
  readonly dir: string;
  readonly url?: string;
  readonly rpc?: string;
  readonly deployment?: string;
}

/** Where a network is: a local one by its folder, any other by its addresses. */
export interface Place {
  readonly grpc: string;
  readonly rpcUrl: string;
  readonly deployment: Deployment;
  /** Signs requests; the local network's submitter unless ASSAY_PRIVATE_KEY says otherwise. */
  readonly privateKey: Hex | undefined;
}

export function withPlace(command: Command): Command {
  return command
    .option('--dir <folder>', 'folder of a local network', '.assay')
    .addOption(new Option('--url <host:port>', "the coordinator's gRPC address, if not the local network's").env('ASSAY_GRPC_URL'))
    .addOption(new Option('--rpc <url>', "the chain's address, if not the local network's").env('ASSAY_RPC_URL'))
    .addOption(new Option('--deployment <file>', "the network's deployment file, if not the local network's").env('ASSAY_DEPLOYMENT'));
}

/** @throws AssayError COORDINATOR_UNREACHABLE if nothing says where the network is */
export async function findPlace(options: PlaceOptions): Promise<Place> {
  const folder = new NetworkFolder(options.dir);
  const record = folder.record();
  const grpc = options.url ?? (record && `127.0.0.1:${record.ports.grpc}`);
  const rpcUrl = options.rpc ?? (record && `http://127.0.0.1:${record.ports.rpc}`);
  if (!grpc || !rpcUrl) throw noNetwork(folder.dir);
  const deployment = await readDeployment(options.deployment ?? folder.deployment);
  return { grpc, rpcUrl, deployment, privateKey: signingKey(folder, deployment) };
}

export async function chainOf(options: PlaceOptions): Promise<Chain> {
  const { rpcUrl, deployment } = await findPlace(options);
  return connectChain({ rpcUrl, deployment });
}

/** A chain to send to. @throws AssayError USAGE if there is no key */
export async function payingChain(options: PlaceOptions): Promise<Chain & { readonly account: Address }> {
  const { rpcUrl, deployment, privateKey } = await findPlace(options);
  if (!privateKey) throw new AssayError({ code: 'USAGE', message: 'no key to pay with', remedy: 'Set ASSAY_PRIVATE_KEY.' });
  const chain = await connectChain({ rpcUrl, deployment, privateKey });
  return { ...chain, account: chain.account! };
}

/** Connects to the coordinator for the length of `work`. */
export async function withAssay<T>(options: PlaceOptions, work: (assay: Assay) => Promise<T>): Promise<T> {
  const { grpc, deployment, privateKey } = await findPlace(options);
  const assay = await connect({ url: grpc, deployment, ...tlsOf(process.env), ...(privateKey ? { account: privateKeyToAccount(privateKey) } : {}) });
  try {
    return await work(assay);
  } finally {
    assay.close();
  }
}

function noNetwork(dir: string): AssayError {
  return new AssayError({
    code: 'COORDINATOR_UNREACHABLE',
    message: 'no network is known here',
    facts: { dir },
    remedy: 'Start one with `assay up`, or say where it is: --url, --rpc, --deployment.',
  });
}

function signingKey(folder: NetworkFolder, deployment: Deployment): Hex | undefined {
  const given = unlocked(process.env)['ASSAY_PRIVATE_KEY'];
  if (given) {
    if (!isHex(given) || given.length !== 66) throw new AssayError({ code: 'CONFIG_INVALID', message: 'ASSAY_PRIVATE_KEY is not 32 bytes of hex', remedy: 'Set it to 0x and 64 hex digits.' });
    return given;
  }
  // SAFETY: keys of a local network sign nothing for another chain.
  const keys = folder.record() ? LocalKeys.at(folder.keys) : undefined;
  return keys?.isFor(deployment.chainId) ? keys.privateKey('submitter') : undefined;
}

/** ASSAY_GRPC_TLS=true for a coordinator whose certificate the system's authorities vouch for; else the files that are named. */
export function tlsOf(env: NodeJS.ProcessEnv): { tls?: ClientTls } {
  const { ASSAY_GRPC_TLS: on, ASSAY_GRPC_TLS_CA: ca, ASSAY_GRPC_TLS_CLIENT_CERT: cert, ASSAY_GRPC_TLS_CLIENT_KEY: key } = env;
  return on === 'true' || ca || cert ? { tls: { ca, cert, key } } : {};
}

export function addressArgument(text: string): Address {
  if (!isAddress(text, { strict: false })) throw new InvalidArgumentError('not an address');
  return text;
}
