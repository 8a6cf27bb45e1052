// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Float32} from "../libraries/Float32.sol";
import {Shapes} from "../libraries/Shapes.sol";
import {Elementwise} from "./Elementwise.sol";
import {Read, Reads} from "./Operator.sol";
import {Reduction} from "./Reduction.sol";
import {Window} from "./Window.sol";

/// MaxPool, AveragePool (libs/core/numerics/operators/pooling.ts). Attributes of the pools: kernel (2),
/// strides (2), pads (4), then dilations (2) or whether padding is counted.
library Pooling {
    using Descriptor for bytes;

    uint32 private constant MINUS_INFINITY = 0xff800000;
    /// Adding to it changes nothing, not even the sign of a zero.
    uint32 private constant MINUS_ZERO = 0x80000000;
    uint256 private constant COUNT_PADDING = 8;

    // MaxPool: taps in row-major order

    function maxSteps(bytes calldata d) internal pure returns (uint256) {
        unchecked {
            return d.attribute(0) * d.attribute(1);
        }
    }

    function maxReads(bytes calldata d, uint256 element, uint256 step) internal pure returns (Read[] memory) {
        unchecked {
            uint256 kernelWidth = d.attribute(1);
            return _tapReads(d, element, step / kernelWidth, step % kernelWidth, true);
        }
    }

    function applyMax(bytes calldata, uint256, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        uint32 largest = step == 0 ? MINUS_INFINITY : uint32(state);
        return words.length == 0 ? largest : Elementwise.larger(largest, uint32(words[0]));
    }

    // AveragePool: columns of the kernel, each from top to bottom and then into the total; at the end the division

    function averageSteps(bytes calldata d) internal pure returns (uint256) {
        unchecked {
            return (d.attribute(0) + 1) * d.attribute(1) + 1;
        }
    }

    function averageReads(bytes calldata d, uint256 element, uint256 step) internal pure returns (Read[] memory) {
        (uint256 kx, uint256 ky) = _columnStep(d, step);
        if (ky == d.attribute(0) || kx == d.attribute(1)) return Reads.none();
        return _tapReads(d, element, ky, kx, false);
    }

    function applyAverage(bytes calldata d, uint256 element, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        (uint256 kx, uint256 ky) = _columnStep(d, step);
        uint32 total = Reduction.totalOf(state);
        uint32 column = Reduction.blockOf(state);
        if (kx == d.attribute(1)) return Float32.div(total, Float32.fromI64(int64(uint64(_tapsCounted(d, element)))));
        if (ky == d.attribute(0)) return kx == 0 ? column : Float32.add(total, column);

        if (ky == 0) column = _columnOnInput(d, element, kx) ? MINUS_ZERO : 0;
        return Reduction.stateOf(total, words.length == 0 ? column : Float32.add(column, uint32(words[0])));
    }

    // Inside

    function _axis(bytes calldata d, uint256 axis, bool dilated) private pure returns (Window.Axis memory) {
        unchecked {
            return Window.Axis(d.attribute(2 + axis), d.attribute(4 + axis), dilated ? d.attribute(8 + axis) : 1);
        }
    }

    /// The input element under a tap; none in the padding.
    function _tapReads(bytes calldata d, uint256 element, uint256 ky, uint256 kx, bool dilated)
        private
        pure
        returns (Read[] memory)
    {
        unchecked {
            bytes32 input = d.operandHeader(0);
            (uint256 image, uint256 channel, uint256 y, uint256 x) = Window.outputAt(d.outputHeader(), element);
            (bool insideRows, uint256 row) = Window.place(_axis(d, 0, dilated), y, ky, Shapes.size(input, 2));
            (bool insideColumns, uint256 column) = Window.place(_axis(d, 1, dilated), x, kx, Shapes.size(input, 3));
            if (!insideRows || !insideColumns) return Reads.none();
            uint256 plane = image * Shapes.size(input, 1) + channel;
            return Reads.one(0, (plane * Shapes.size(input, 2) + row) * Shapes.size(input, 3) + column);
        }
    }

    /// Tap of a micro-step; ky is the kernel's height where a column is closed, kx its width at the division.
    function _columnStep(bytes calldata d, uint256 step) private pure returns (uint256 kx, uint256 ky) {
        unchecked {
            uint256 perColumn = d.attribute(0) + 1;
            return (step / perColumn, step % perColumn);
        }
    }

    function _columnOnInput(bytes calldata d, uint256 element, uint256 kx) private pure returns (bool) {
        unchecked {
            uint256 x = element % Shapes.size(d.outputHeader(), 3);
            return _covered(x * d.attribute(3) + kx, d.attribute(5), 1, Shapes.size(d.operandHeader(0), 3)) == 1;
        }
    }

    /// What the sum is divided by: the taps on the input, or all of them.
    function _tapsCounted(bytes calldata d, uint256 element) private pure returns (uint256) {
        unchecked {
            if (d.attribute(COUNT_PADDING) == 1) return d.attribute(0) * d.attribute(1);
            bytes32 input = d.operandHeader(0);
            (,, uint256 y, uint256 x) = Window.outputAt(d.outputHeader(), element);
            return _covered(y * d.attribute(2), d.attribute(4), d.attribute(0), Shapes.size(input, 2))
                * _covered(x * d.attribute(3), d.attribute(5), d.attribute(1), Shapes.size(input, 3));
        }
    }

    /// How many of `length` places from start − pad on lie in [0, size).
    function _covered(uint256 start, uint256 pad, uint256 length, uint256 size) private pure returns (uint256) {
        unchecked {
            uint256 from = start > pad ? start : pad;
            uint256 to = start + length < size + pad ? start + length : size + pad;
            return to > from ? to - from : 0;
        }
    }
}
