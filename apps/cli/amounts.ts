import { formatUnits } from 'viem';

/** Decimals of the network's token. */
export const DECIMALS = 18;
const SHOWN = 4;

/** An amount of the network's token as people read it, at most four places. */
export function tokens(amount: bigint): string {
  const [whole, part = ''] = formatUnits(amount, DECIMALS).split('.');
  const shown = part.slice(0, SHOWN).replace(/0+$/, '');
  return shown ? `${whole}.${shown}` : whole!;
}
