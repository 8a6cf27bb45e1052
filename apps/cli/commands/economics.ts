import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseUnits } from 'viem';
import { bondFor, canaryBond, checkPay, detection, exposureLimit, exposureOf, forfeitFor, SAMPLE_RATE_ONE, splitFee, stakeFor } from '#core/protocol';
import { LIVE_PARAMETERS } from '#io/chain';
import { DECIMALS, tokens } from '../amounts.js';
import type { Perform } from '../program.js';
import { table } from '../terminal.js';

interface EconomicsOptions {
  readonly value: bigint;
  readonly p: bigint;
  readonly fee: bigint;
  readonly challengers: number;
}

export function addEconomics(program: Command, perform: Perform): void {
  program
    .command('economics')
    .description('What stake a value at risk asks for at a sample rate, and who gets what.')
    .requiredOption('--value <tokens>', 'insured value of a job', amount)
    .addOption(new Option('--p <share>', 'share of jobs each challenger re-runs, above 0 to 1').argParser(share).default(LIVE_PARAMETERS.batches.sampleRate, '0.1'))
    .option('--fee <tokens>', 'fee of a job', amount, 10n ** 17n)
    .option('--challengers <n>', 'honest ones', Number, 1)
    .addHelpText('after', '\nExample:\n  assay economics --value 40 --p 0.1')
    .action((options: EconomicsOptions, command: Command) => perform(command, async (terminal) => void terminal.result(...report(options))));
}

function report({ value, p, fee, challengers }: EconomicsOptions): [object, string] {
  const { batches, canaries, disputes, checks } = LIVE_PARAMETERS;
  const split = splitFee(fee, batches);
  const exposure = exposureOf({ fee: split.executor, insuredValue: value }, p);
  const stake = stakeFor(exposure, p, disputes.bountyBps);
  const lost = forfeitFor(stake, { fee, insuredValue: value }, disputes);
  const document = {
    value: tokens(value),
    p: Number((Number(p) / Number(SAMPLE_RATE_ONE)).toFixed(6)),
    detection: detection(p, challengers),
    exposure: tokens(exposure),
    stake: tokens(stake),
    coordinatorBond: tokens(bondFor(exposure, p)),
    exposureLimit: tokens(exposureLimit(stake, p, disputes.bountyBps)),
    overturned: { forfeited: tokens(lost.forfeited), bounty: tokens(lost.bounty), compensation: tokens(lost.compensation), pool: tokens(lost.pool) },
    fee: { executor: tokens(split.executor), pool: tokens(split.pool), protocol: tokens(split.protocol) },
    checkPay: tokens(checkPay({ charged: fee, entries: 1n, count: 1n }, { poolBps: batches.poolBps, seats: checks.seats, sampleRate: p })),
    canaryBond: tokens(canaryBond(stake, { sampleRate: p, bountyBps: disputes.bountyBps, seats: checks.seats, bounty: canaries.bounty })),
    challengeWindowSeconds: Number(batches.challengeWindow),
    unbondingSeconds: Number(LIVE_PARAMETERS.unbondingDelay),
  };
  const rows = [
    ['insured value', document.value],
    ['sample rate p', document.p],
    [`found by ${challengers} honest challenger(s)`, document.detection.toFixed(4)],
    ['exposure of one such job: value + fee share / q', document.exposure],
    ['stake for one such job open', document.stake],
    ['coordinator’s bond for it', document.coordinatorBond],
    ['overturned: bounty / submitter / pool', `${document.overturned.bounty} / ${document.overturned.compensation} / ${document.overturned.pool}`],
    ['fee to executor / pool / protocol', `${document.fee.executor} / ${document.fee.pool} / ${document.fee.protocol}`],
    [`pay of a check, with ${checks.seats} seats`, document.checkPay],
    ['least bond of a canary of that executor', document.canaryBond],
    ['challenge window, seconds', document.challengeWindowSeconds],
    ['unbonding delay, seconds', document.unbondingSeconds],
  ];
  return [document, table(['what', 'tokens or as named'], rows as string[][])];
}

function amount(text: string): bigint {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('not an amount of tokens');
  return parseUnits(text, DECIMALS);
}

function share(text: string): bigint {
  const part = Number(text);
  if (!(part > 0 && part <= 1)) throw new InvalidArgumentError('not a share above 0 and at most 1');
  return BigInt(Math.max(1, Math.round(part * Number(SAMPLE_RATE_ONE))));
}
