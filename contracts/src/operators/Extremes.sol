// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Shapes} from "../libraries/Shapes.sol";
import {Elementwise} from "./Elementwise.sol";
import {Numbers} from "./Numbers.sol";
import {Read, Reads} from "./Operator.sol";

/// ReduceMax, ReduceMin, ArgMax, ArgMin along one axis (libs/core/numerics/operators/extremes.ts). Attributes: the axis;
/// of ArgMax and ArgMin also whether the last of equal elements counts.
library Extremes {
    using Descriptor for bytes;

    uint256 private constant INDEX = 0xffffffff;

    function steps(bytes calldata d) internal pure returns (uint256) {
        return Shapes.size(d.operandHeader(0), d.attribute(0));
    }

    function reads(bytes calldata d, uint256 element, uint256 step) internal pure returns (Read[] memory) {
        unchecked {
            bytes32 input = d.operandHeader(0);
            uint256 axis = d.attribute(0);
            uint256 inner = Shapes.stride(input, axis);
            uint256 outer = (element / inner) * Shapes.size(input, axis) + step;
            return Reads.one(0, outer * inner + element % inner);
        }
    }

    function applyMax(bytes calldata d, uint256, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        uint256 dtype = Numbers.typeOf(d.outputHeader());
        if (step == 0) return Numbers.canonical(words[0], dtype);
        if (dtype == Numbers.FLOAT32) return Elementwise.larger(uint32(state), uint32(words[0]));
        return Numbers.less(state, words[0], dtype) ? words[0] : state;
    }

    function applyMin(bytes calldata d, uint256, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        uint256 dtype = Numbers.typeOf(d.outputHeader());
        if (step == 0) return Numbers.canonical(words[0], dtype);
        if (dtype == Numbers.FLOAT32) return Elementwise.smaller(uint32(state), uint32(words[0]));
        return Numbers.less(words[0], state, dtype) ? words[0] : state;
    }

    // ArgMax and ArgMin: the state is the best word in its upper half and its index in the lower; at the end the index

    function argSteps(bytes calldata d) internal pure returns (uint256) {
        unchecked {
            return steps(d) + 1;
        }
    }

    function argReads(bytes calldata d, uint256 element, uint256 step) internal pure returns (Read[] memory) {
        return step == steps(d) ? Reads.none() : reads(d, element, step);
    }

    function applyArgMax(bytes calldata d, uint256, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        if (words.length == 0) return state & INDEX;
        return step == 0 || _precedes(d, state >> 32, words[0]) ? words[0] << 32 | step : state;
    }

    function applyArgMin(bytes calldata d, uint256, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        if (words.length == 0) return state & INDEX;
        return step == 0 || _precedes(d, words[0], state >> 32) ? words[0] << 32 | step : state;
    }

    /// a is below b, or equal to it where ties count.
    function _precedes(bytes calldata d, uint256 a, uint256 b) private pure returns (bool) {
        uint256 dtype = Numbers.typeOf(d.operandHeader(0));
        return d.attribute(1) == 1 ? Numbers.lessOrEqual(a, b, dtype) : Numbers.less(a, b, dtype);
    }
}
