import type { Command } from 'commander';
import { isAddress, type Address } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { AssayError, asAssayError } from '#core/protocol';
import { connectChain, consumerAt, type ContractRequest } from '#io/chain';
import { connect, relayRequest, type Relayed } from '#sdk';
import { EXIT } from '../exit-codes.js';
import { findPlace, tlsOf, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';
import { firstSignal } from '../signals.js';
import type { Terminal } from '../terminal.js';

interface RelayOptions extends PlaceOptions {
  readonly fromBlock?: bigint;
  readonly once?: boolean;
}

const POLL_MS = 500;
/** Jobs carried at the same time; the others wait. */
const AT_ONCE = 16;

export function addRelay(program: Command, perform: Perform): void {
  withPlace(program.command('relay').argument('<contract>', 'a contract that asks for inferences (IConsumer)'))
    .description('Carry a contract’s requests to the network and final answers back. Anybody can; your account pays the gas.')
    .option('--from-block <n>', 'first block to look at; the deployment’s if left out', BigInt)
    .option('--once', 'carry what has been asked so far, then end')
    .addHelpText('after', '\nExample:\n  assay relay 0x5fbdb2315678afecb367f032d93f642f64180aa3 --once')
    .action((contract: string, options: RelayOptions, command: Command) => perform(command, (terminal) => relay(terminal, contract, options)));
}

async function relay(terminal: Terminal, contract: string, options: RelayOptions): Promise<number> {
  if (!isAddress(contract, { strict: false })) throw new AssayError({ code: 'USAGE', message: `${contract} is not an address` });
  const { grpc, rpcUrl, deployment, privateKey } = await findPlace(options);
  if (!privateKey) throw new AssayError({ code: 'USAGE', message: 'no key to send the answers with', remedy: 'Set ASSAY_PRIVATE_KEY.' });
  const chain = await connectChain({ rpcUrl, deployment, privateKey });
  const assay = await connect({ url: grpc, deployment, chain, account: privateKeyToAccount(privateKey), ...tlsOf(process.env) });
  const parts = { assay, chain, consumer: consumerAt(chain, contract as Address) };
  const carried = new Round(terminal, (asked) => relayRequest(parts, asked));
  const stop = firstSignal();
  try {
    const stream = parts.consumer.requests({ fromBlock: options.fromBlock ?? BigInt(deployment.deployedBlock), pollMs: POLL_MS, signal: stop.signal, onError: (error) => terminal.progress(asAssayError(error).message) });
    for await (const { found, caughtUp } of stream) {
      for (const asked of found) await carried.take(asked);
      if (options.once && caughtUp) stop.abort();
    }
    await carried.end();
  } finally {
    assay.close();
  }
  terminal.result({ contract, delivered: carried.delivered, failed: carried.failed }, `${carried.delivered.length} delivered, ${carried.failed.length} failed`);
  return carried.failed.length === 0 ? EXIT.ok : EXIT.refused;
}

/** The jobs being carried, and what became of those before. */
class Round {
  readonly delivered: Relayed[] = [];
  readonly failed: { readonly jobId: string; readonly code: string; readonly message: string }[] = [];
  private readonly running = new Map<string, Promise<void>>();

  constructor(
    private readonly terminal: Terminal,
    private readonly carry: (asked: ContractRequest) => Promise<Relayed | undefined>,
  ) {}

  async take(asked: ContractRequest): Promise<void> {
    if (this.running.has(asked.jobId)) return;
    if (this.running.size >= AT_ONCE) await Promise.race(this.running.values());
    this.running.set(asked.jobId, this.one(asked).finally(() => this.running.delete(asked.jobId)));
  }

  async end(): Promise<void> {
    await Promise.all(this.running.values());
  }

  private async one(asked: ContractRequest): Promise<void> {
    try {
      const relayed = await this.carry(asked);
      if (!relayed) return;
      this.delivered.push(relayed);
      this.terminal.progress(`job ${relayed.jobId}: answered by ${relayed.executor}, delivered${relayed.retracted.length > 0 ? `; ${relayed.retracted.length} overturned before` : ''}`);
    } catch (thrown) {
      const { code, message } = asAssayError(thrown);
      this.failed.push({ jobId: asked.jobId, code, message });
      this.terminal.progress(`job ${asked.jobId}: ${code}: ${message}`);
    }
  }
}
