// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Shapes} from "../libraries/Shapes.sol";
import {Movement} from "./Movement.sol";
import {Numbers} from "./Numbers.sol";
import {Read, Reads} from "./Operator.sol";

/// Gather, GatherElements (libs/core/numerics/operators/indexing.ts). Attribute: the axis. Two micro-steps: one makes a
/// place in the data of an index, one copies the element there.
library Indexing {
    using Descriptor for bytes;

    uint256 private constant DATA = 0;
    uint256 private constant INDICES = 1;

    function steps(bytes calldata) internal pure returns (uint256) {
        return 2;
    }

    function gatherReads(bytes calldata d, uint256 element, uint256 step) internal pure returns (Read[] memory) {
        unchecked {
            if (step == 1) return Reads.one(DATA, Reads.FROM_STATE);
            uint256 inner = Shapes.stride(d.operandHeader(DATA), d.attribute(0));
            return Reads.one(INDICES, (element / inner) % Shapes.count(d.operandHeader(INDICES)));
        }
    }

    function applyGather(bytes calldata d, uint256 element, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            if (step == 1) return Movement.copy(d, element, step, state, words);
            bytes32 data = d.operandHeader(DATA);
            uint256 axis = d.attribute(0);
            uint256 inner = Shapes.stride(data, axis);
            uint256 size = Shapes.size(data, axis);
            uint256 outer = element / (inner * Shapes.count(d.operandHeader(INDICES)));
            return (outer * size + _resolved(d, words[0], size)) * inner + element % inner;
        }
    }

    function elementsReads(bytes calldata, uint256 element, uint256 step) internal pure returns (Read[] memory) {
        return step == 1 ? Reads.one(DATA, Reads.FROM_STATE) : Reads.one(INDICES, element);
    }

    function applyElements(bytes calldata d, uint256 element, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256 place)
    {
        unchecked {
            if (step == 1) return Movement.copy(d, element, step, state, words);
            bytes32 output = d.outputHeader();
            bytes32 data = d.operandHeader(DATA);
            uint256 along = d.attribute(0);
            uint256 elements = 1;
            for (uint256 axis = Shapes.rank(data); axis-- > 0;) {
                uint256 size = Shapes.size(data, axis);
                uint256 coordinate = axis == along ? _resolved(d, words[0], size) : element % Shapes.size(output, axis);
                place += coordinate * elements;
                elements *= size;
                element /= Shapes.size(output, axis);
            }
        }
    }

    /// An index counted from the end if negative; outside the axis its nearest end.
    function _resolved(bytes calldata d, uint256 word, uint256 size) private pure returns (uint256) {
        unchecked {
            int256 index = Numbers.integerOf(word, Numbers.typeOf(d.operandHeader(INDICES)));
            if (index < 0) index += int256(size);
            if (index < 0) return 0;
            return uint256(index) < size ? uint256(index) : size - 1;
        }
    }
}
