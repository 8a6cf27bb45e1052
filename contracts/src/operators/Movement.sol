// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Float32} from "../libraries/Float32.sol";
import {Shapes} from "../libraries/Shapes.sol";
import {Read, Reads} from "./Operator.sol";

/// Reshape, Transpose, Concat, Slice (libs/core/numerics/operators/movement.ts): one micro-step that copies an element of
/// any type. Attributes of Transpose: the permutation; of Concat: the axis; of Slice: starts, then steps.
library Movement {
    using Descriptor for bytes;

    uint256 private constant FLOAT32 = 1;

    function steps(bytes calldata) internal pure returns (uint256) {
        return 1;
    }

    /// The element as it is; of NaNs the canonical one.
    function copy(bytes calldata d, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        if (uint256(d.outputHeader()) >> 248 == FLOAT32 && Float32.isNaN(uint32(words[0]))) return Float32.NAN;
        return words[0];
    }

    function transposeReads(bytes calldata d, uint256 element, uint256) internal pure returns (Read[] memory) {
        unchecked {
            bytes32 output = d.outputHeader();
            bytes32 input = d.operandHeader(0);
            uint256 source;
            for (uint256 axis = Shapes.rank(output); axis-- > 0;) {
                uint256 size = Shapes.size(output, axis);
                source += (element % size) * Shapes.stride(input, d.attribute(axis));
                element /= size;
            }
            return Reads.one(0, source);
        }
    }

    function concatReads(bytes calldata d, uint256 element, uint256) internal pure returns (Read[] memory) {
        unchecked {
            uint256 axis = d.attribute(0);
            bytes32 output = d.outputHeader();
            uint256 inner = Shapes.stride(output, axis);
            uint256 place = (element / inner) % Shapes.size(output, axis);
            uint256 outer = element / (inner * Shapes.size(output, axis));

            uint256 slot;
            uint256 size = Shapes.size(d.operandHeader(0), axis);
            while (place >= size) {
                place -= size;
                size = Shapes.size(d.operandHeader(++slot), axis);
            }
            return Reads.one(slot, (outer * size + place) * inner + element % inner);
        }
    }

    function sliceReads(bytes calldata d, uint256 element, uint256) internal pure returns (Read[] memory) {
        unchecked {
            bytes32 output = d.outputHeader();
            bytes32 input = d.operandHeader(0);
            uint256 rank = Shapes.rank(output);
            uint256 source;
            uint256 elements = 1;
            for (uint256 axis = rank; axis-- > 0;) {
                uint256 size = Shapes.size(output, axis);
                source += (d.attribute(axis) + (element % size) * d.attribute(rank + axis)) * elements;
                elements *= Shapes.size(input, axis);
                element /= size;
            }
            return Reads.one(0, source);
        }
    }
}
