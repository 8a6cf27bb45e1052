import type { CanonicalNode, Value } from '../graph.js';
import { integersOf } from './constants.js';

export type IntegerRange = readonly [least: bigint, most: bigint];

/** Values looked through before giving up. */
const MOST_LOOKS = 64;

/** Between which integers every element of a value lies, as far as the nodes that make it tell; undefined if they don't. */
export function rangeOf(value: Value): IntegerRange | undefined {
  let looks = 0;
  const look = (at: Value): IntegerRange | undefined => {
    if (looks++ >= MOST_LOOKS) return undefined;
    if (at.kind === 'constant') return rangeOfConstant(at);
    return at.kind === 'node' ? RANGES[at.node.operator]?.(at.node, look) : undefined;
  };
  return look(value);
}

type Look = (value: Value) => IntegerRange | undefined;
type Rule = (node: CanonicalNode, look: Look) => IntegerRange | undefined;

function rangeOfConstant({ tensor }: Value & { kind: 'constant' }): IntegerRange | undefined {
  if (tensor.dtype !== 'int32' && tensor.dtype !== 'int64') return undefined;
  const values = integersOf(tensor);
  return values.length === 0 ? undefined : [values.reduce(smaller), values.reduce(larger)];
}

const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const larger = (a: bigint, b: bigint): bigint => (a < b ? b : a);

const moved: Rule = ({ operands }, look) => look(operands[0]!);

/** An unknown side may be anything: then the other one bounds the result on one side only, which is no range. */
function extreme(choose: (a: bigint, b: bigint) => bigint): Rule {
  return ({ operands }, look) => {
    const [a, b] = [look(operands[0]!), look(operands[1]!)];
    return a && b && [choose(a[0], b[0]), choose(a[1], b[1])];
  };
}

/** Recognises min(max(x, least), most): a range though x has none. */
const smallest: Rule = (node, look) => {
  const known = extreme(smaller)(node, look);
  const [above, most] = [node.operands[0]!, look(node.operands[1]!)];
  if (known || !most || above.kind !== 'node' || above.node.operator !== 'Max') return known;
  const least = look(above.node.operands[1]!);
  return least && [smaller(least[0], most[0]), most[1]];
};

/** All operands may show. */
const joined: Rule = ({ operands }, look) => {
  const ranges = operands.map(look);
  return ranges.reduce((all, range) => all && range && [smaller(all[0], range[0]), larger(all[1], range[1])]);
};

const position: Rule = ({ operands, attributes }) => [0n, BigInt(operands[0]!.dims[Number(attributes[0])]!) - 1n];

/** Operators whose elements' range follows from that of their operands. */
const RANGES: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(['Reshape', 'Transpose', 'Slice', 'Expand', 'Tile', 'Gather', 'GatherElements'].map((name) => [name, moved])),
  Concat: joined,
  Max: extreme(larger),
  Min: smallest,
  ArgMax: position,
  ArgMin: position,
};
