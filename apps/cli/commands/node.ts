import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { isAddressEqual, type Address } from 'viem';
import { AssayError } from '#core/protocol';
import { connectChain, parseDeployment, type Chain } from '#io/chain';
import { connect } from '#sdk';
import { freePort, peerFileSchema, PROJECT_ROOT, startChild, type AdmittedPeer, type PeerFile } from '#testing';
import { amount, tokens } from '../amounts.js';
import { EXIT } from '../exit-codes.js';
import { nodeKeys, type NodeKeys } from '../node-keys.js';
import { fundNode, type Money } from '../node-money.js';
import { tlsOf } from '../place.js';
import type { Perform } from '../program.js';
import { firstSignal, untilAborted } from '../signals.js';
import type { Terminal } from '../terminal.js';
import { addDetection } from './detection.js';
import { addSeat } from './seat.js';

type Role = AdmittedPeer['role'];

interface StartOptions {
  readonly data: string;
  readonly peer: string;
  readonly url?: string;
  readonly stake: bigint;
  readonly balance: bigint;
}

export const addExecutor = (program: Command, perform: Perform): void => void addNode(program, perform, 'executor');
export const addChallenger = (program: Command, perform: Perform): void => {
  const challenger = addNode(program, perform, 'challenger');
  addSeat(challenger, perform);
  addDetection(challenger, perform);
};

const USUAL: Record<Role, { readonly stake: string; readonly balance: string }> = { executor: { stake: '1000', balance: '0' }, challenger: { stake: '0', balance: '100' } };

function addNode(program: Command, perform: Perform, role: Role): Command {
  const node = program.command(role).description(`Run ${role === 'executor' ? 'an executor' : 'a challenger'} of your own for a network that runs elsewhere.`);
  const data = `.assay-${role}`;
  node
    .command('id')
    .description('Make its keys once, in its own folder, and print what the network must know to let it in.')
    .option('--data <folder>', 'keys, claims and models live here', data)
    .addHelpText('after', `\nExample:\n  assay ${role} id --data node`)
    .action((options: { data: string }, command: Command) =>
      perform(command, async (terminal) => {
        const { address, natsPublicKey } = nodeKeys(options.data);
        terminal.result({ role, address, brokerKey: natsPublicKey, data: resolve(options.data) }, `${address} ${natsPublicKey}\n\nwhoever runs the network lets it in with\n  assay peer admit ${role} ${address} ${natsPublicKey} --out peer.json`);
      }),
    );
  node
    .command('start')
    .description('Check the network, put the money into the vault, and run until Ctrl-C.')
    .requiredOption('--peer <file>', 'what `assay peer admit` wrote')
    .option('--data <folder>', 'keys, claims and models live here', data)
    .option('--url <host:port>', 'the coordinator, if not the peer file’s')
    .option('--stake <tokens>', 'at least this much stake; a local network gives it, elsewhere it is taken out of the account', amount, amount(USUAL[role].stake))
    .option('--balance <tokens>', 'at least this much in the vault for bonds', amount, amount(USUAL[role].balance))
    .addHelpText('after', `\nOther ASSAY_ variables of the environment are passed on, such as ASSAY_METRICS_LISTEN.\n\nExample:\n  assay ${role} start --peer peer.json --data node`)
    .action((options: StartOptions, command: Command) => perform(command, (terminal) => start(terminal, role, options)));
  return node;
}

async function start(terminal: Terminal, role: Role, options: StartOptions): Promise<number> {
  const interrupted = firstSignal();
  const keys = nodeKeys(options.data);
  const peer = readPeer(options, role, keys.address);
  const { deployment } = peer;
  const parameters = await askCoordinator(peer);
  terminal.progress(`the coordinator at ${peer.coordinator} works for chain ${deployment.chainId} and ${deployment.disputes}`);
  const chain: Chain = await connectChain({ rpcUrl: peer.rpc, deployment, privateKey: keys.privateKey });
  const money = await fundNode(chain, options);
  const child = await startChild({ name: role, command: process.execPath, args: ['--enable-source-maps', join(PROJECT_ROOT, 'dist/apps', role, 'main.js')], env: await environment(options, peer, keys), logFile: join(options.data, `${role}.log`) });
  try {
    terminal.result({ ready: true, role, address: keys.address, pid: child.pid, log: child.logFile, ...money, price: parameters.price }, startedText({ role, address: keys.address, log: child.logFile, money }));
    const ended = await Promise.race([untilAborted(interrupted.signal), child.ended]);
    if (ended === undefined) return EXIT.ok;
    throw new AssayError({ code: 'PEER_SILENT', message: `the ${role} ended (${ended})`, facts: { log: child.logFile } });
  } finally {
    await child.stop();
  }
}

/** @throws AssayError FILE_UNREADABLE, DEPLOYMENT_INVALID, USAGE if the file is another peer's */
function readPeer({ peer: file, url }: StartOptions, role: Role, address: Address): PeerFile {
  const unreadable = (cause: unknown) => new AssayError({ code: 'FILE_UNREADABLE', message: `${file} is not a peer file`, facts: { file }, remedy: 'Give what `assay peer admit --out` wrote.', cause });
  let peer;
  try {
    peer = peerFileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw unreadable(cause);
  }
  if (peer.role !== role || !isAddressEqual(peer.address as Address, address)) throw new AssayError({ code: 'USAGE', message: `${file} lets in the ${peer.role} ${peer.address}, this is the ${role} ${address}`, facts: { file } });
  return { ...peer, coordinator: url ?? peer.coordinator, deployment: parseDeployment(peer.deployment, file) };
}

/** @throws AssayError CHAIN_MISMATCH if the coordinator works for another network than the peer file names */
async function askCoordinator({ coordinator, deployment }: PeerFile) {
  const assay = await connect({ url: coordinator, deployment, ...tlsOf(process.env) });
  try {
    return await assay.client.parameters();
  } finally {
    assay.close();
  }
}

async function environment({ data }: StartOptions, { rpc, nats, deployment }: PeerFile, keys: NodeKeys): Promise<Record<string, string>> {
  const file = resolve(data, 'deployment.json');
  writeFileSync(file, `${JSON.stringify(deployment, null, 2)}\n`);
  const given = Object.fromEntries(Object.entries(process.env).filter((pair): pair is [string, string] => pair[0].startsWith('ASSAY_') && pair[1] !== undefined));
  const absolute = Object.fromEntries(Object.entries(keys.environment).map(([name, path]) => [name, resolve(path)]));
  return { ASSAY_METRICS_LISTEN: `127.0.0.1:${await freePort()}`, ...given, ...absolute, ASSAY_RPC_URL: rpc, ASSAY_NATS_URL: nats, ASSAY_NATS_SEED: keys.natsSeed, ASSAY_DEPLOYMENT: file, ASSAY_DATA_DIR: resolve(data) };
}

function startedText({ role, address, log, money }: { role: Role; address: Address; log: string; money: Money }): string {
  return `${role} ${address} is ready: stake ${tokens(money.stake)}, in the vault ${tokens(money.balance)}\nlog ${log}\nCtrl-C stops it; the same command goes on.`;
}
