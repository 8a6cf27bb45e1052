import { InvalidArgumentError } from 'commander';
import { formatUnits, parseUnits } from 'viem';

/** Decimals of the network's token. */
export const DECIMALS = 18;
const SHOWN = 4;

/** An amount of the network's token as people write it. */
export function amount(text: string): bigint {
  if (!/^\d{1,20}(\.\d{1,18})?$/.test(text)) throw new InvalidArgumentError('not an amount of tokens such as 1.5');
  return parseUnits(text, DECIMALS);
}

/** An amount of the network's token as people read it, at most four places. */
export function tokens(amount: bigint): string {
  const [whole, part = ''] = formatUnits(amount, DECIMALS).split('.');
  const shown = part.slice(0, SHOWN).replace(/0+$/, '');
  return shown ? `${whole}.${shown}` : whole!;
}
