import type { Command } from 'commander';
import { encodeFunctionData, isHex, type Address, type Hex } from 'viem';
import { AssayError } from '#core/protocol';
import { authorityAbi, batchesAbi, chainError, connectChain, ROLES, type Chain } from '#io/chain';
import { findPlace, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';
import { table } from '../terminal.js';

interface AdminOptions extends PlaceOptions {
  readonly dryRun?: boolean;
  readonly at?: string;
}

/** The words of Batches.Terms, which is all there is to set. */
const TERMS = ['challengeWindow', 'beaconDelay', 'sampleRate', 'poolBps', 'protocolBps', 'coordinatorBond'] as const;
type Term = (typeof TERMS)[number];

/** Terms, pause and roles of the contracts, through the network's AccessManager. */
export function addTerms(admin: Command, perform: Perform): void {
  const sending = (name: string) => withPlace(admin.command(name)).option('--dry-run', 'simulate and show the call, send nothing');
  withPlace(admin.command('list'))
    .description('Terms and pause as they are.')
    .addHelpText('after', '\nExample:\n  assay admin list --json')
    .action((options: AdminOptions, command: Command) =>
      perform(command, async (terminal) => {
        const chain = await connect(options);
        const document = { ...(await chain.batches.terms()), paused: await chain.batches.paused(), authority: chain.deployment.authority };
        terminal.result(document, table(['term', 'value'], Object.entries(document).map(([name, value]) => [name, String(value)])));
      }),
    );
  sending('set <term> <value>')
    .description(`Set one of ${TERMS.join(', ')}, in the contract's own units.`)
    .addHelpText('after', '\nExample:\n  assay admin set challengeWindow 3600 --dry-run')
    .action((term: string, value: string, options: AdminOptions, command: Command) => perform(command, async (terminal) => terminal.result(...(await act(options, { call: await setTerm(options, term, value) })))));
  for (const [name, paused] of [['pause', true], ['unpause', false]] as const) {
    sending(name)
      .description(paused ? 'Take no new batches; everything else goes on.' : 'Take batches again.')
      .addHelpText('after', `\nExample:\n  assay admin ${name} --dry-run`)
      .action((options: AdminOptions, command: Command) => perform(command, async (terminal) => terminal.result(...(await act(options, { call: pauseData(paused) })))));
  }
  for (const via of ['schedule', 'execute'] as const) {
    sending(`${via} <term> <value>`)
      .description(via === 'schedule' ? 'Announce a change that its role may make only after a delay.' : 'Make a change announced before, once its delay has passed.')
      .addHelpText('after', `\nExample:\n  assay admin ${via} challengeWindow 3600 --dry-run`)
      .action((term: string, value: string, options: AdminOptions, command: Command) =>
        perform(command, async (terminal) => terminal.result(...(await act(options, { via, call: term === 'paused' ? pauseData(value === 'true') : await setTerm(options, term, value) })))),
      );
  }
  withPlace(admin.command('roles <account>'))
    .description('What an account may do, and after what delay.')
    .addHelpText('after', '\nExample:\n  assay admin roles 0x70997970C51812dc3A010C7d01b50e0d17dc79C8')
    .action((account: string, options: AdminOptions, command: Command) =>
      perform(command, async (terminal) => {
        const document = await rolesOf(await connect(options), account as Address);
        terminal.result(document, table(['right', 'held', 'delay in seconds'], document.rights.map((r) => [r.name, String(r.held), r.delay])));
      }),
    );
}

const pauseData = (paused: boolean): Hex => encodeFunctionData({ abi: batchesAbi, functionName: 'setPaused', args: [paused] });

async function connect(options: AdminOptions): Promise<Chain> {
  const { rpcUrl, deployment, privateKey } = await findPlace(options);
  const own = process.env['ASSAY_PRIVATE_KEY'];
  const key = own && isHex(own) ? own : privateKey;
  return connectChain({ rpcUrl, deployment, ...(key ? { privateKey: key } : {}) });
}

async function setTerm(options: AdminOptions, term: string, value: string): Promise<Hex> {
  if (!TERMS.includes(term as Term) || !/^\d+$/.test(value)) throw new AssayError({ code: 'USAGE', message: `there is no term ${term} with value ${value}`, facts: { known: TERMS } });
  const terms = { ...(await (await connect(options)).batches.terms()), [term]: Number(value) };
  return encodeFunctionData({ abi: batchesAbi, functionName: 'setTerms', args: [terms] });
}

/** Simulated first in any case: a refusal costs nothing and is told by its name. */
async function act(options: AdminOptions, { call, via }: { call: Hex; via?: 'schedule' | 'execute' }): Promise<[object, string]> {
  const chain = await connect(options);
  if (!chain.sender || !chain.account) throw new AssayError({ code: 'USAGE', message: 'an admin command needs ASSAY_PRIVATE_KEY' });
  const { authority, batches } = chain.deployment;
  const data = via === 'schedule' ? encodeFunctionData({ abi: authorityAbi, functionName: 'schedule', args: [batches, call, 0] }) : via === 'execute' ? encodeFunctionData({ abi: authorityAbi, functionName: 'execute', args: [batches, call] }) : call;
  const to = via ? authority : batches;
  if (options.dryRun) {
    await chain.client.call({ account: chain.account, to, data }).catch((error: unknown) => {
      throw chainError(error, via ? `Authority.${via}` : 'Batches');
    });
    return [{ dryRun: true, from: chain.account, to, data }, `would be accepted; nothing sent\nto   ${to}\ndata ${data}`];
  }
  const sent = await chain.sender.send({ to, data, call: via ? `Authority.${via}` : 'Batches' });
  return [{ dryRun: false, transaction: sent.hash, to }, `sent ${sent.hash}`];
}

async function rolesOf(chain: Chain, account: Address) {
  const { authority, batches } = chain.deployment;
  const [admin, delay] = await chain.client.readContract({ address: authority, abi: authorityAbi, functionName: 'hasRole', args: [ROLES.admin, account] });
  const right = async (name: 'setTerms' | 'setPaused') => {
    const selector = encodeFunctionData(name === 'setTerms' ? { abi: batchesAbi, functionName: name, args: [await chain.batches.terms()] } : { abi: batchesAbi, functionName: name, args: [true] }).slice(0, 10) as Hex;
    const [held, after] = await chain.client.readContract({ address: authority, abi: authorityAbi, functionName: 'canCall', args: [account, batches, selector] });
    return { name, held: held || after > 0, delay: after };
  };
  return { account, rights: [{ name: 'admin', held: admin, delay }, await right('setTerms'), await right('setPaused')] };
}
