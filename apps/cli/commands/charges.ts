import { InvalidArgumentError, type Command } from 'commander';
import { AssayError } from '#core/protocol';
import { contestCharge, listCharges, resolveContest, type ChargeView } from '#sdk';
import { tokens } from '../amounts.js';
import { payingChain, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';
import { table } from '../terminal.js';

export function addCharges(job: Command, perform: Perform): void {
  withPlace(job.command('charges'))
    .description('What batches charged your account, and what became of contests.')
    .addHelpText('after', '\nExample:\n  assay job charges --json')
    .action((options: PlaceOptions, command: Command) =>
      perform(command, async (terminal) => {
        const chain = await payingChain(options);
        const charges = await listCharges(chain, chain.account);
        const rows = charges.map(({ batchId, amount, coordinator, contestableUntil, contest }) => [String(batchId), tokens(amount), coordinator, instant(contestableUntil), contest?.state ?? '']);
        terminal.result({ account: chain.account, charges }, rows.length === 0 ? 'no charges' : table(['batch', 'amount', 'coordinator', 'contestable until', 'contest'], rows));
      }),
    );
  withPlace(job.command('contest').argument('<batch>', 'the batch that charged you', batchNumber))
    .description('Contest a charge: the coordinator shows jobs you signed that add up to it, or refunds it. Locks a bond, lost if you owed it.')
    .option('--settle', 'after the deadline of a contest that was not answered: take charge and bond back')
    .addHelpText('after', '\nExamples:\n  assay job contest 3\n  assay job contest 3 --settle')
    .action((batchId: bigint, options: PlaceOptions & { settle?: boolean }, command: Command) =>
      perform(command, async (terminal) => {
        const chain = await payingChain(options);
        if (options.settle) {
          const { contest } = await find(chain, batchId);
          if (!contest) throw new AssayError({ code: 'USAGE', message: `the charge of batch ${batchId} was not contested`, facts: { batchId } });
          if (contest.state === 'open') await resolveContest(chain, contest.contestId);
        } else await contestCharge(chain, batchId, chain.account);
        const charge = await find(chain, batchId);
        const { state, deadline } = charge.contest!;
        terminal.result(charge, `charge of ${tokens(charge.amount)} by batch ${batchId}: contest ${state}${state === 'open' ? `, to be answered until ${instant(deadline)}` : ''}`);
      }),
    );
}

type PayingChain = Awaited<ReturnType<typeof payingChain>>;

async function find(chain: PayingChain, batchId: bigint): Promise<ChargeView> {
  const charge = (await listCharges(chain, chain.account)).find((one) => one.batchId === batchId);
  if (!charge) throw new AssayError({ code: 'BATCH_UNKNOWN', message: `batch ${batchId} charged ${chain.account} nothing`, facts: { batchId, account: chain.account } });
  return charge;
}

const instant = (seconds: bigint): string => new Date(Number(seconds) * 1000).toISOString();

function batchNumber(text: string): bigint {
  if (!/^[1-9]\d{0,12}$/.test(text)) throw new InvalidArgumentError('not the number of a batch');
  return BigInt(text);
}
