import type { ErrorKind } from '#core/protocol';

/** What the shell sees; listed in --help. Stable. */
export const EXIT = { ok: 0, refused: 1, invalid: 2, unavailable: 3, broken: 70, interrupted: 130 } as const;

export const EXIT_HELP = `
Exit codes:
  0    done, and everything claimed holds
  1    it does not hold or was refused (a failed test, a false receipt, a rule)
  2    wrong usage or malformed input
  3    something needed cannot be reached or is missing
  70   a defect of this program
  130  interrupted`;

const BY_KIND: Record<ErrorKind, number> = { invalid: EXIT.invalid, refused: EXIT.refused, unavailable: EXIT.unavailable, broken: EXIT.broken };

export function exitCodeOf(kind: ErrorKind): number {
  return BY_KIND[kind];
}
