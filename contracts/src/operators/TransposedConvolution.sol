// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Float32} from "../libraries/Float32.sol";
import {Shapes} from "../libraries/Shapes.sol";
import {Read, Reads} from "./Operator.sol";
import {Reduction} from "./Reduction.sol";
import {Window} from "./Window.sol";

/// ConvTranspose (libs/core/numerics/operators/conv-transpose.ts). Attributes: strides (2), pads before (2), dilations
/// (2), groups. Per tap one micro-step per channel of the group, then one that adds the tap's sum to the total.
library TransposedConvolution {
    using Descriptor for bytes;

    uint256 private constant INPUT = 0;
    uint256 private constant WEIGHTS = 1;
    uint256 private constant BIAS = 2;

    function steps(bytes calldata d) internal pure returns (uint256) {
        unchecked {
            return _taps(d) * (_channels(d) + 1) + d.operandCount() - BIAS;
        }
    }

    function reads(bytes calldata d, uint256 element, uint256 step) internal pure returns (Read[] memory) {
        unchecked {
            uint256 channels = _channels(d);
            uint256 tap = step / (channels + 1);
            uint256 k = step % (channels + 1);
            (uint256 image, uint256 filter, uint256 y, uint256 x) = Window.outputAt(d.outputHeader(), element);
            if (tap == _taps(d)) return Reads.one(BIAS, filter);
            if (k == channels) return Reads.none();
            (bool met, uint256 offset) = _offset(d, y, x, tap);
            if (!met) return Reads.none();

            bytes32 input = d.operandHeader(INPUT);
            uint256 filters = Shapes.size(d.operandHeader(WEIGHTS), 1);
            uint256 channel = (filter / filters) * channels + k;
            return Reads.pair(
                (image * Shapes.size(input, 1) + channel) * Shapes.stride(input, 1) + offset,
                (channel * filters + filter % filters) * _taps(d) + tap
            );
        }
    }

    function apply_(bytes calldata d, uint256 element, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            uint256 channels = _channels(d);
            uint256 tap = step / (channels + 1);
            uint32 total = Reduction.totalOf(state);
            if (tap == _taps(d)) return Float32.add(total, uint32(words[0]));
            if (step % (channels + 1) < channels) {
                if (words.length == 0) return state;
                return Reduction.multiplyInto(state, uint32(words[1]), uint32(words[0]));
            }
            (,, uint256 y, uint256 x) = Window.outputAt(d.outputHeader(), element);
            (bool met,) = _offset(d, y, x, tap);
            return met ? Float32.add(total, Reduction.blockOf(state)) : total;
        }
    }

    function _taps(bytes calldata d) private pure returns (uint256) {
        return Shapes.stride(d.operandHeader(WEIGHTS), 1);
    }

    /// Input channels of one group.
    function _channels(bytes calldata d) private pure returns (uint256) {
        unchecked {
            return Shapes.size(d.operandHeader(WEIGHTS), 0) / d.attribute(6);
        }
    }

    /// Offset in the input's plane of the element that a tap spreads to an output position.
    function _offset(bytes calldata d, uint256 y, uint256 x, uint256 tap) private pure returns (bool, uint256) {
        unchecked {
            bytes32 input = d.operandHeader(INPUT);
            uint256 kernelWidth = Shapes.size(d.operandHeader(WEIGHTS), 3);
            (bool metRow, uint256 row) = _place(d, 0, y, tap / kernelWidth, Shapes.size(input, 2));
            (bool metColumn, uint256 column) = _place(d, 1, x, tap % kernelWidth, Shapes.size(input, 3));
            return (metRow && metColumn, row * Shapes.size(input, 3) + column);
        }
    }

    function _place(bytes calldata d, uint256 axis, uint256 output, uint256 tap, uint256 size)
        private
        pure
        returns (bool, uint256)
    {
        unchecked {
            uint256 stride = d.attribute(axis);
            uint256 padded = output + d.attribute(2 + axis);
            uint256 reach = tap * d.attribute(4 + axis);
            if (padded < reach || (padded - reach) % stride != 0) return (false, 0);
            uint256 place = (padded - reach) / stride;
            return (place < size, place);
        }
    }
}
