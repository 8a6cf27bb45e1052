// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Shapes} from "../libraries/Shapes.sol";
import {Movement} from "./Movement.sol";
import {Read, Reads} from "./Operator.sol";

/// Expand, Tile, Pad, Resize (libs/core/numerics/operators/extension.ts): one micro-step that copies an element of any
/// type. Attributes of Pad: elements before, per axis; mode; the constant's word.
library Extension {
    using Descriptor for bytes;

    uint256 private constant CONSTANT = 0;
    uint256 private constant EDGE = 1;

    function expandReads(bytes calldata d, uint256 element, uint256) internal pure returns (Read[] memory) {
        return Reads.one(0, Shapes.broadcastIndex(element, d.outputHeader(), d.operandHeader(0)));
    }

    function tileReads(bytes calldata d, uint256 element, uint256) internal pure returns (Read[] memory) {
        unchecked {
            bytes32 output = d.outputHeader();
            bytes32 input = d.operandHeader(0);
            uint256 source;
            uint256 elements = 1;
            for (uint256 axis = Shapes.rank(output); axis-- > 0;) {
                uint256 size = Shapes.size(output, axis);
                source += ((element % size) % Shapes.size(input, axis)) * elements;
                elements *= Shapes.size(input, axis);
                element /= size;
            }
            return Reads.one(0, source);
        }
    }

    function resizeReads(bytes calldata d, uint256 element, uint256) internal pure returns (Read[] memory) {
        unchecked {
            bytes32 output = d.outputHeader();
            bytes32 input = d.operandHeader(0);
            uint256 source;
            uint256 elements = 1;
            for (uint256 axis = Shapes.rank(output); axis-- > 0;) {
                uint256 size = Shapes.size(output, axis);
                uint256 smaller = Shapes.size(input, axis);
                source += ((element % size) / (size / smaller)) * elements;
                elements *= smaller;
                element /= size;
            }
            return Reads.one(0, source);
        }
    }

    function padReads(bytes calldata d, uint256 element, uint256) internal pure returns (Read[] memory) {
        unchecked {
            bytes32 output = d.outputHeader();
            bytes32 input = d.operandHeader(0);
            uint256 rank = Shapes.rank(output);
            uint256 mode = d.attribute(rank);
            uint256 source;
            uint256 elements = 1;
            for (uint256 axis = rank; axis-- > 0;) {
                uint256 size = Shapes.size(input, axis);
                (bool inside, uint256 place) =
                    _padSource(element % Shapes.size(output, axis), d.attribute(axis), size, mode);
                if (!inside) return Reads.none();
                source += place * elements;
                elements *= size;
                element /= Shapes.size(output, axis);
            }
            return Reads.one(0, source);
        }
    }

    function applyPad(bytes calldata d, uint256 element, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            if (words.length == 1) return Movement.copy(d, element, step, state, words);
            uint256[] memory constant_ = new uint256[](1);
            constant_[0] = d.attribute(Shapes.rank(d.outputHeader()) + 1);
            return Movement.copy(d, element, step, state, constant_);
        }
    }

    /// Place along one axis that padding shows; false where it is the constant.
    function _padSource(uint256 place, uint256 begin, uint256 size, uint256 mode) private pure returns (bool, uint256) {
        unchecked {
            if (place >= begin && place < begin + size) return (true, place - begin);
            if (mode == CONSTANT) return (false, 0);
            if (mode == EDGE) return (true, place < begin ? 0 : size - 1);
            return (true, place < begin ? begin - place : 2 * (size - 1) + begin - place);
        }
    }
}
