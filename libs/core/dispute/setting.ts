import type { Operator } from '#core/numerics';
import type { NetworkId } from '#core/protocol';

/** What holds for every game of a network. */
export interface Rules {
  readonly network: NetworkId;
  /** Seconds a player has at least for any one move. */
  readonly extension: number;
  /** Operators by code; undefined for a code outside the registry. */
  readonly operatorOf: (code: number) => Operator | undefined;
}
