// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IStepVerifier} from "../interfaces/IStepVerifier.sol";
import {Opening, Roots} from "../types/Types.sol";
import {Descriptor} from "./Descriptor.sol";
import {FanOut} from "./FanOut.sol";
import {Headers} from "./Headers.sol";
import {Merkle} from "./Merkle.sol";

/// Operand elements shown to lie under the executor's trace, the model's weights or the job's input.
library Openings {
    using Descriptor for bytes;

    uint256 private constant KIND_INPUT = 1;
    uint256 private constant KIND_INITIALIZER = 2;
    uint256 private constant KIND_VALUE = 3;

    /// The word of one element of operand `slot`; reverts if the opening does not lead to its root.
    function wordOf(bytes calldata descriptor, Roots calldata roots, uint256 slot, uint256 element, Opening calldata opening)
        internal
        view
        returns (uint64)
    {
        unchecked {
            bytes32 header = descriptor.operandHeader(slot);
            (uint256 elements, uint256 size) = Headers.shapeOf(header);
            uint256 perChunk = 32 / size;
            uint256 dataDepth = FanOut.depthFor((elements + perChunk - 1) / perChunk);
            bool proven = element < elements && opening.siblings.length >= dataDepth;
            if (proven) {
                bytes32 data = Merkle.rootFromSiblings(opening.chunk, element / perChunk, opening.siblings, 0, dataDepth);
                proven = _isOperand(descriptor, roots, slot, Merkle.hashPair(data, header), dataDepth, opening);
            }
            require(proven, IStepVerifier.OperandNotProven(slot));
            return Headers.wordAt(opening.chunk, element % perChunk, size);
        }
    }

    /// True if the opening's siblings from `from` on lead from the tensor's root to the root of the operand's kind.
    function _isOperand(
        bytes calldata descriptor,
        Roots calldata roots,
        uint256 slot,
        bytes32 tensorRoot,
        uint256 from,
        Opening calldata opening
    ) private view returns (bool) {
        (uint256 kind, uint256 index) = descriptor.operandRef(slot);
        uint256 count = kind == KIND_VALUE ? roots.valueCount : opening.listLength;
        uint256 to = opening.siblings.length;
        if (index >= count || to != from + FanOut.depthFor(count)) return false;

        bytes32 root = Merkle.rootFromSiblings(tensorRoot, index, opening.siblings, from, to);
        if (kind == KIND_VALUE) return root == roots.traceRoot;
        root = Merkle.mixInLength(root, count);
        if (kind == KIND_INPUT) return root == roots.inputRoot;
        return kind == KIND_INITIALIZER && root == roots.weightsRoot;
    }
}
