// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Float32} from "../libraries/Float32.sol";
import {Shapes} from "../libraries/Shapes.sol";
import {Numbers} from "./Numbers.sol";
import {Read} from "./Operator.sol";

/// QuantizeLinear and DequantizeLinear (libs/core/numerics/operators/quantize.ts). Operands: x, scale, zero point.
/// Attribute: the axis along which scale and zero point lie where they are no scalars.
library Quantization {
    using Descriptor for bytes;

    uint256 private constant SCALE = 1;

    function reads(bytes calldata d, uint256 element, uint256) internal pure returns (Read[] memory list) {
        unchecked {
            uint256 place = 0;
            if (Shapes.rank(d.operandHeader(SCALE)) != 0) {
                bytes32 output = d.outputHeader();
                uint256 axis = d.attribute(0);
                place = (element / Shapes.stride(output, axis)) % Shapes.size(output, axis);
            }
            list = new Read[](d.operandCount());
            list[0] = Read(0, element);
            for (uint256 slot = SCALE; slot < list.length; slot++) {
                list[slot] = Read(slot, place);
            }
        }
    }

    function quantize(bytes calldata d, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return quantized(Float32.div(uint32(words[0]), uint32(words[1])), words[2], Numbers.typeOf(d.outputHeader()));
    }

    function dequantize(bytes calldata d, uint256, uint256, uint256, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            uint256 dtype = Numbers.typeOf(d.operandHeader(0));
            int256 value = Numbers.integerOf(words[0], dtype);
            if (words.length == 3) value -= Numbers.integerOf(words[2], dtype);
            return Float32.mul(Float32.fromI64(int64(value)), uint32(words[1]));
        }
    }

    /// Rounded to an integer, ties to even, plus the zero point, brought into the type's range; NaN is the largest.
    function quantized(uint32 x, uint256 zeroPoint, uint256 dtype) internal pure returns (uint256) {
        unchecked {
            int256 value = int256(Float32.toI32(x)) + Numbers.integerOf(zeroPoint, dtype);
            int256 least = dtype == Numbers.UINT8 ? int256(0) : int256(-128);
            int256 most = least + 255;
            return Numbers.wordOf(value < least ? least : value > most ? most : value, dtype);
        }
    }
}
