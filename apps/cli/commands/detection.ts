import type { Command } from 'commander';
import { detectionRates, type DetectionRate } from '#io/chain';
import { chainOf, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';
import { table } from '../terminal.js';

/** Below `assay challenger`: what every checker found of the canaries it was drawn for. */
export function addDetection(challenger: Command, perform: Perform): void {
  withPlace(challenger.command('detection'))
    .description('How many canaries each checker with a seat was drawn for, and how many of them it found; read from the chain alone.')
    .addHelpText('after', '\nExample:\n  assay challenger detection --json')
    .action((options: PlaceOptions, command: Command) =>
      perform(command, async (terminal) => {
        const checkers = await detectionRates(await chainOf(options));
        terminal.result({ checkers }, checkers.length === 0 ? 'nobody has taken a seat' : table(['checker', 'seat', 'drawn', 'found', 'rate'], checkers.map(row)));
      }),
    );
}

function row({ checker, seated, drawn, found, rate }: DetectionRate): string[] {
  return [checker, seated ? 'yes' : 'no', String(drawn), String(found), rate === null ? '-' : rate.toFixed(3)];
}
