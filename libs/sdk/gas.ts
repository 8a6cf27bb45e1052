import { hexToBytes, type Hex } from 'viem';

const TRANSACTION = 21_000;
const ZERO_BYTE = 4;
const OTHER_BYTE = 16;

/** Gas of a transaction's execution: what it used less what every transaction with this calldata pays (EIP-2028). */
export function executionGas(gasUsed: number, calldata: Hex): number {
  let intrinsic = TRANSACTION;
  for (const byte of hexToBytes(calldata)) intrinsic += byte === 0 ? ZERO_BYTE : OTHER_BYTE;
  return gasUsed - intrinsic;
}
