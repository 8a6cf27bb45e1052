// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Float32} from "../libraries/Float32.sol";
import {Shapes} from "../libraries/Shapes.sol";
import {Movement} from "./Movement.sol";
import {Numbers} from "./Numbers.sol";
import {Read, Reads} from "./Operator.sol";

/// CumSum (libs/core/numerics/operators/cumulative.ts): one micro-step per element of the axis; those past the own
/// element read nothing. Attributes: axis, exclusive, reverse.
library Cumulative {
    using Descriptor for bytes;

    function steps(bytes calldata d) internal pure returns (uint256) {
        return Shapes.size(d.operandHeader(0), d.attribute(0));
    }

    function reads(bytes calldata d, uint256 element, uint256 step) internal pure returns (Read[] memory) {
        unchecked {
            uint256 inner = Shapes.stride(d.outputHeader(), d.attribute(0));
            uint256 size = steps(d);
            uint256 coordinate = (element / inner) % size;
            uint256 own = _alongAxis(d, coordinate, size);
            if (step > own || (step == own && d.attribute(1) == 1)) return Reads.none();
            return Reads.one(0, element - coordinate * inner + _alongAxis(d, step, size) * inner);
        }
    }

    function apply_(bytes calldata d, uint256 element, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            if (words.length == 0) return state;
            uint256 dtype = Numbers.typeOf(d.outputHeader());
            if (dtype != Numbers.FLOAT32) return Numbers.wordOf(int256(state + words[0]), dtype);
            if (step == 0 && d.attribute(1) == 0) return Movement.copy(d, element, step, state, words);
            return Float32.add(uint32(state), uint32(words[0]));
        }
    }

    function _alongAxis(bytes calldata d, uint256 place, uint256 size) private pure returns (uint256) {
        unchecked {
            return d.attribute(2) == 1 ? size - 1 - place : place;
        }
    }
}
