import type { FinalStep, Reading } from '#sdk';

/** The operation that decided a dispute, in words; one line each. */
export function finalStepText(step: FinalStep, nodeName?: string): string[] {
  const where = `value ${step.node}${nodeName ? ` (${nodeName})` : ''}, ${step.operator}, element ${step.element}, step ${step.k + 1} of ${step.steps}`;
  return [
    `the one operation: ${where}`,
    ...step.operands.map((o) => `  operand ${o.slot}[${o.element}] from ${o.from === 'value' ? 'an earlier value' : `the ${o.from === 'input' ? 'input' : 'weights'}`}: ${reading(o)}`),
    ...(step.steps > 1 ? [`  state before:      ${state(step.before)}`] : []),
    ...(isProduct(step) ? ['  what it is:        one fused multiply-add, operand 0 × operand 1 + block, rounded once'] : []),
    `  contract computed: ${state(step.expected)}`,
    `  executor revealed: ${state(step.revealed)}`,
  ];
}

/** A step of a sum of products that multiplies; those at the ends of blocks and for the bias add only. */
function isProduct({ operator, operands }: FinalStep): boolean {
  return ['Conv', 'MatMul', 'Gemm'].includes(operator) && operands.length === 2;
}

const reading = ({ hex, decimal }: Reading) => `${hex} = ${decimal}`;

function state(value: FinalStep['before']): string {
  return value.block ? `${value.hex} = total ${value.decimal}, block ${value.block.decimal}` : reading(value);
}
