// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Float32} from "../libraries/Float32.sol";
import {Shapes} from "../libraries/Shapes.sol";
import {Read, Reads} from "./Operator.sol";
import {Reduction} from "./Reduction.sol";
import {Window} from "./Window.sol";

/// Conv (libs/core/numerics/operators/conv.ts). Attributes: strides (2), pads (4), dilations (2), groups, block.
library Convolution {
    using Descriptor for bytes;

    uint256 private constant INPUT = 0;
    uint256 private constant WEIGHTS = 1;
    uint256 private constant BIAS = 2;
    uint256 private constant GROUPS = 8;
    uint256 private constant BLOCK = 9;

    function steps(bytes calldata d) internal pure returns (uint256) {
        unchecked {
            (uint256 length, uint256 block_) = _blocks(d);
            return Reduction.stepsOf(length, block_) + d.operandCount() - BIAS;
        }
    }

    function reads(bytes calldata d, uint256 element, uint256 step) internal pure returns (Read[] memory) {
        (Reduction.Stage stage, uint256 position) = _stageAt(d, step);
        if (stage == Reduction.Stage.Product) return _productReads(d, element, position);
        if (stage == Reduction.Stage.Fold) return Reads.none();
        (, uint256 filter,,) = Window.outputAt(d.outputHeader(), element);
        return Reads.one(BIAS, filter);
    }

    function apply_(bytes calldata d, uint256, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        (Reduction.Stage stage, uint256 position) = _stageAt(d, step);
        if (stage == Reduction.Stage.Fold) return Reduction.foldInto(state, position);
        if (stage == Reduction.Stage.Done) return Float32.add(Reduction.totalOf(state), uint32(words[0]));
        // In the padding only the weight is read; the input counts as +0.
        if (words.length == 1) return Reduction.multiplyInto(state, 0, uint32(words[0]));
        return Reduction.multiplyInto(state, uint32(words[0]), uint32(words[1]));
    }

    function _blocks(bytes calldata d) private pure returns (uint256 length, uint256 block_) {
        return (Shapes.stride(d.operandHeader(WEIGHTS), 0), d.attribute(BLOCK));
    }

    function _stageAt(bytes calldata d, uint256 step) private pure returns (Reduction.Stage, uint256) {
        (uint256 length, uint256 block_) = _blocks(d);
        return Reduction.stageAt(length, block_, step);
    }

    /// Input element (none in the padding) and weight of product k.
    function _productReads(bytes calldata d, uint256 element, uint256 k) private pure returns (Read[] memory) {
        (bool inside, uint256 input, uint256 weight) = placesOf(d, WEIGHTS, element, k);
        return inside ? Reads.pair(input, weight) : Reads.one(WEIGHTS, weight);
    }

    /// Indices of the input element, unless it lies in the padding, and of the weight that product k takes. Integer
    /// convolutions have input and attributes 0 to 8 in the same place, and the weights in another.
    function placesOf(bytes calldata d, uint256 weightsSlot, uint256 element, uint256 k)
        internal
        pure
        returns (bool inside, uint256 place, uint256 weight)
    {
        unchecked {
            bytes32 weights = d.operandHeader(weightsSlot);
            (uint256 image, uint256 filter, uint256 y, uint256 x) = Window.outputAt(d.outputHeader(), element);
            weight = filter * Shapes.stride(weights, 0) + k;

            bytes32 input = d.operandHeader(INPUT);
            uint256 offset;
            (inside, offset) = _offset(d, Shapes.size(weights, 3), (y << 128) | x, k % Shapes.stride(weights, 1));

            uint256 channels = Shapes.size(weights, 1);
            uint256 group = filter / (Shapes.size(weights, 0) / d.attribute(GROUPS));
            uint256 plane = image * Shapes.size(input, 1) + group * channels + k / Shapes.stride(weights, 1);
            place = plane * Shapes.stride(input, 1) + offset;
        }
    }

    /// Offset in the input's plane under one tap.
    function _offset(bytes calldata d, uint256 kernelWidth, uint256 output, uint256 tap)
        private
        pure
        returns (bool, uint256)
    {
        unchecked {
            bytes32 input = d.operandHeader(INPUT);
            Window.Axis memory vertical = Window.Axis(d.attribute(0), d.attribute(2), d.attribute(6));
            Window.Axis memory horizontal = Window.Axis(d.attribute(1), d.attribute(3), d.attribute(7));
            (bool insideRows, uint256 row) =
                Window.place(vertical, output >> 128, tap / kernelWidth, Shapes.size(input, 2));
            (bool insideColumns, uint256 column) =
                Window.place(horizontal, uint128(output), tap % kernelWidth, Shapes.size(input, 3));
            return (insideRows && insideColumns, row * Shapes.size(input, 3) + column);
        }
    }
}
