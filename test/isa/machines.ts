/** A processor that the exam runs on: this one, or one that qemu-user imitates. */
export interface Machine {
  readonly name: string;
  /** qemu's name of the processor; this machine's own if left out. */
  readonly cpu?: string;
  readonly arch: 'x64' | 'arm64';
  /**
   * same: every bit as on this machine, and the self-test agrees. refused: lacks what the profile needs, so the self-test
   * must refuse it. either: the self-test must be right about which of the two it is.
   */
  readonly expected: 'same' | 'refused' | 'either';
  readonly why: string;
}

export const MACHINES: readonly Machine[] = [
  { name: 'native', arch: 'x64', expected: 'same', why: 'what the others are compared with' },
  { name: 'haswell', cpu: 'Haswell', arch: 'x64', expected: 'same', why: 'the oldest Intel processor with AVX2 and FMA' },
  { name: 'epyc-rome', cpu: 'EPYC-Rome', arch: 'x64', expected: 'same', why: 'AMD with AVX2 and FMA' },
  { name: 'cortex-a72', cpu: 'cortex-a72', arch: 'arm64', expected: 'same', why: 'ARMv8.0, no dot product instructions' },
  { name: 'neoverse-n1', cpu: 'neoverse-n1', arch: 'arm64', expected: 'same', why: 'ARMv8.2, a common server' },
  { name: 'arm-max', cpu: 'max', arch: 'arm64', expected: 'either', why: 'everything qemu knows of ARM, SVE among it' },
  { name: 'sandybridge', cpu: 'SandyBridge', arch: 'x64', expected: 'refused', why: 'AVX without FMA' },
  { name: 'nehalem', cpu: 'Nehalem', arch: 'x64', expected: 'refused', why: 'SSE only' },
];
