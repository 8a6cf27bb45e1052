import { reshape } from '../canonical/movement.js';
import type { Value } from '../graph.js';
import type { NodeView } from './node.js';

/** N×C×L as N×C×1×L; N×C×H×W as it is. */
export function planar(view: NodeView, x: Value): Value {
  return x.dims.length === 3 ? reshape(view.graph, x, [x.dims[0]!, x.dims[1]!, 1, x.dims[2]!]) : x;
}

/** N×C×1×L as N×C×L again where the input had three axes. */
export function likeInput(view: NodeView, result: Value, { dims }: Value): Value {
  return dims.length === 3 ? reshape(view.graph, result, [result.dims[0]!, result.dims[1]!, result.dims[3]!]) : result;
}
