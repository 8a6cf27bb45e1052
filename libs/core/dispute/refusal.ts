/** Names of the custom errors in IDisputes.sol and IStepVerifier.sol with which a move can be refused. */
export type RefusalName =
  | 'WrongState'
  | 'WrongPhase'
  | 'NotYourTurn'
  | 'ClockExpired'
  | 'ClockRunning'
  | 'WrongModel'
  | 'WrongClaim'
  | 'WrongDescriptor'
  | 'WrongNodeCount'
  | 'NotUnderNode'
  | 'NotTheOutput'
  | 'BadHeader'
  | 'ValueMismatch'
  | 'OutOfRange'
  | 'NoFault'
  | 'OperandNotProven'
  | 'WrongOpeningCount'
  | 'UnknownOperator';

/** Carries a refusal from deep in the rules to `play`, which returns it; nobody outside sees it thrown. */
export class Refusal extends Error {
  constructor(readonly refusal: RefusalName) {
    super(refusal);
  }
}

export function require(condition: boolean, refusal: RefusalName): asserts condition {
  if (!condition) throw new Refusal(refusal);
}
