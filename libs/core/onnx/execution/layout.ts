import type { Tensor } from '#core/hashing';
import type { OperandRef } from '#core/numerics';
import { initializerName, tensorNames } from '../emission.js';
import type { CanonicalGraph } from '../numbering.js';
import type { WrittenAttribute, WrittenNode } from '../proto/write.js';
import { channelOrders, type ChannelOrder, type OrderParts } from './channels.js';
import type { BlockWidth } from './weights.js';

export const NCHWC = 'com.microsoft.nchwc';

/** One node of an execution form. */
export interface FormNode extends Partial<Pick<WrittenNode, 'domain' | 'furtherOutputs'>> {
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: readonly WrittenAttribute[];
}

/**
 * An execution form while it is written: its nodes, the constants made for it, and in which layouts each value lies so far.
 * A value is brought into the other layout when a reader first wants it so.
 */
export class Layout {
  readonly nodes: WrittenNode[] = [];
  readonly constants = new Map<string, Tensor>();
  /** The model's own initializers that are read as they are. */
  readonly read = new Set<number>();
  /** Of values that have their channels last, and in another order than the canonical graph. */
  readonly orders: ReadonlyMap<number, ChannelOrder>;
  private readonly names: readonly string[];
  private readonly plainValues = new Set<number>();
  private readonly blockedValues = new Set<number>();
  private readonly lastValues = new Set<number>();

  constructor(
    readonly graph: CanonicalGraph,
    readonly width: BlockWidth,
    { firstNode, given }: OrderParts,
  ) {
    this.orders = channelOrders(graph, { firstNode, given });
    this.names = tensorNames(graph);
    for (let value = 0; value < firstNode; value++) this.plainValues.add(value);
  }

  add(node: FormNode): void {
    this.nodes.push({ name: `${node.opType}_${this.nodes.length}`, attributes: [], ...node });
  }

  constant(name: string, make: () => Tensor): string {
    if (!this.constants.has(name)) this.constants.set(name, make());
    return name;
  }

  /** The name under which a value is written in one layout; from now on it can be read so. */
  written(value: number, layout: 'plain' | 'blocked' | 'last'): string {
    ({ plain: this.plainValues, blocked: this.blockedValues, last: this.lastValues })[layout].add(value);
    if (layout === 'plain') return this.names[value]!;
    return layout === 'blocked' ? blockedName({ kind: 'value', index: value }) : lastName({ kind: 'value', index: value });
  }

  /** The names that a value has in the layouts in which it may lie. */
  namesOf(value: number): string[] {
    return [this.names[value]!, blockedName({ kind: 'value', index: value }), lastName({ kind: 'value', index: value })];
  }

  isWritten(value: number): boolean {
    return this.plainValues.has(value) || this.blockedValues.has(value) || this.lastValues.has(value);
  }

  isLast({ kind, index }: OperandRef): boolean {
    return kind === 'value' && this.lastValues.has(index);
  }

  orderOf({ kind, index }: OperandRef): ChannelOrder | undefined {
    return kind === 'value' ? this.orders.get(index) : undefined;
  }

  /** Name of an operand with its channels as last axis. */
  channelsLast(operand: OperandRef): string {
    const output = lastName(operand);
    if (!this.isLast(operand) && !this.nodes.some((node) => node.output === output)) {
      this.add({ opType: 'Transpose', inputs: [this.plain(operand)], output, attributes: [{ name: 'perm', value: [0, 2, 3, 1] }] });
      if (operand.kind === 'value') this.lastValues.add(operand.index);
    }
    return output;
  }

  isBlocked({ kind, index }: OperandRef): boolean {
    return kind === 'value' && this.blockedValues.has(index);
  }

  /** Name of an operand as it lies in the canonical graph. */
  plain({ kind, index, dims }: OperandRef): string {
    if (kind === 'input') return this.graph.inputs[index]!.name;
    if (kind === 'initializer') {
      this.read.add(index);
      return initializerName(index);
    }
    if (this.plainValues.has(index)) return this.names[index]!;
    if (this.lastValues.has(index)) {
      this.add({ opType: 'Transpose', inputs: [lastName({ kind, index })], output: this.written(index, 'plain'), attributes: [{ name: 'perm', value: [0, 3, 1, 2] }] });
    } else {
      const from = blockedName({ kind, index });
      this.add({ opType: 'ReorderOutput', domain: NCHWC, inputs: [from], output: this.written(index, 'plain'), attributes: [{ name: 'channels', value: dims[1]! }, { name: 'channels_last', value: 0 }] });
    }
    return this.names[index]!;
  }

  /**
   * Name of an operand with its channels in blocks. `clean`: what fills up the last block is zero, so a product with it
   * is; a value that a kernel left blocked may hold anything there.
   */
  blocked(operand: OperandRef, clean = false): string {
    const whole = operand.dims[1]! % this.width === 0;
    if (this.isBlocked(operand) && (whole || !clean)) return blockedName(operand);
    const output = whole || !clean ? blockedName(operand) : `${blockedName(operand)}0`;
    if (!this.nodes.some((node) => node.output === output)) {
      this.add({ opType: 'ReorderInput', domain: NCHWC, inputs: [this.plain(operand)], output, attributes: [{ name: 'channels_last', value: 0 }] });
      if (operand.kind === 'value' && output === blockedName(operand)) this.blockedValues.add(operand.index);
    }
    return output;
  }
}

function blockedName({ kind, index }: Pick<OperandRef, 'kind' | 'index'>): string {
  return kind === 'input' ? `%in${index}b` : `%${index}b`;
}

function lastName({ kind, index }: Pick<OperandRef, 'kind' | 'index'>): string {
  return kind === 'input' ? `%in${index}l` : `%${index}l`;
}

/** A constant list of sizes. */
export function int64List(values: readonly number[]): Tensor {
  return { dtype: 'int64', dims: [values.length], data: new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer) };
}
