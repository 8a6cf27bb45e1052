import type { FinalStep, Reading } from '#sdk';

/** The operation that decided a dispute, in words; one line each. */
export function finalStepText(step: FinalStep, nodeName?: string): string[] {
  const where = `value ${step.node}${nodeName ? ` (${nodeName})` : ''}, ${step.operator}, element ${step.element}, step ${step.k + 1} of ${step.steps}`;
  return [
    `the one operation: ${where}`,
    ...step.operands.map((o) => `  operand ${o.slot}[${o.element}] from ${o.from === 'value' ? 'an earlier value' : `the ${o.from === 'input' ? 'input' : 'weights'}`}: ${reading(o)}`),
    ...(step.steps > 1 ? [`  state before:      ${state(step.before)}`] : []),
    `  contract computed: ${state(step.expected)}`,
    `  executor revealed: ${state(step.revealed)}`,
  ];
}

const reading = ({ hex, decimal }: Reading) => `${hex} = ${decimal}`;

function state(value: FinalStep['before']): string {
  return value.block ? `${value.hex} = total ${value.decimal}, block ${value.block.decimal}` : reading(value);
}
