// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Float32} from "../libraries/Float32.sol";
import {Shapes} from "../libraries/Shapes.sol";
import {Convolution} from "./Convolution.sol";
import {Matrices} from "./Matrices.sol";
import {Numbers} from "./Numbers.sol";
import {Read, Reads} from "./Operator.sol";
import {Quantization} from "./Quantization.sol";

/// MatMulInteger, ConvInteger, QLinearMatMul and QLinearConv (libs/core/numerics/operators/integer-products.ts): a
/// micro-step per product, the state being the int32 sum; the latter two then add the bias, if any, and requantise.
/// Operands: a, b and their zero points; or a, b and y with scale and zero point each, b in between, and the bias.
library IntegerProduct {
    using Descriptor for bytes;

    uint256 private constant A_SCALE = 1;
    uint256 private constant B_SCALE = 4;
    uint256 private constant Y_SCALE = 6;
    uint256 private constant Y_ZERO = 7;
    uint256 private constant BIAS = 8;
    /// Operands of the two that do not requantise.
    uint256 private constant PLAIN = 4;

    // Matrices

    function matrixSteps(bytes calldata d) internal pure returns (uint256) {
        unchecked {
            return _inner(d) + _epilogue(d);
        }
    }

    function matrixReads(bytes calldata d, uint256 element, uint256 step) internal pure returns (Read[] memory) {
        unchecked {
            uint256 inner = _inner(d);
            bytes32 output = d.outputHeader();
            Matrices.Place memory its = Matrices.placeOf(output, element);
            if (step >= inner) return _epilogueReads(d, step - inner, its.column);

            uint256 left = Matrices.stackIndex(its.matrix, output, d.operandHeader(0)) * its.rows + its.row;
            uint256 right = Matrices.stackIndex(its.matrix, output, d.operandHeader(_b(d))) * inner + step;
            return _products(d, left * inner + step, right * its.columns + its.column, its.column);
        }
    }

    function applyMatrix(bytes calldata d, uint256, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        return _apply(d, _inner(d), step, state, words);
    }

    // Windows

    function windowSteps(bytes calldata d) internal pure returns (uint256) {
        unchecked {
            return _taps(d) + _epilogue(d);
        }
    }

    function windowReads(bytes calldata d, uint256 element, uint256 step) internal pure returns (Read[] memory) {
        unchecked {
            uint256 taps = _taps(d);
            if (step >= taps) {
                bytes32 output = d.outputHeader();
                return _epilogueReads(d, step - taps, (element / Shapes.stride(output, 1)) % Shapes.size(output, 1));
            }
            (bool inside, uint256 input, uint256 weight) = Convolution.placesOf(d, _b(d), element, step);
            return inside ? _products(d, input, weight, 0) : Reads.none();
        }
    }

    function applyWindow(bytes calldata d, uint256, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        return _apply(d, _taps(d), step, state, words);
    }

    // Both

    /// Products of matrices per element.
    function _inner(bytes calldata d) private pure returns (uint256) {
        unchecked {
            bytes32 a = d.operandHeader(0);
            return Shapes.size(a, Shapes.rank(a) - 1);
        }
    }

    /// Products of a convolution per element.
    function _taps(bytes calldata d) private pure returns (uint256) {
        return Shapes.stride(d.operandHeader(_b(d)), 0);
    }

    function _isPlain(bytes calldata d) private pure returns (bool) {
        return d.operandCount() == PLAIN;
    }

    /// Slot of the right side.
    function _b(bytes calldata d) private pure returns (uint256) {
        return _isPlain(d) ? 1 : 3;
    }

    /// Micro-steps past the products.
    function _epilogue(bytes calldata d) private pure returns (uint256) {
        unchecked {
            return _isPlain(d) ? 0 : d.operandCount() - BIAS + 1;
        }
    }

    /// Left element and zero point, right element and zero point.
    function _products(bytes calldata d, uint256 left, uint256 right, uint256 column)
        private
        pure
        returns (Read[] memory list)
    {
        unchecked {
            uint256 b = _b(d);
            uint256 bZero = b + 2;
            list = new Read[](4);
            list[0] = Read(0, left);
            list[1] = Read(2, 0);
            list[2] = Read(b, right);
            list[3] = Read(bZero, Shapes.rank(d.operandHeader(bZero)) == 0 ? 0 : column);
        }
    }

    function _epilogueReads(bytes calldata d, uint256 past, uint256 channel) private pure returns (Read[] memory list) {
        unchecked {
            if (past < d.operandCount() - BIAS) return Reads.one(BIAS, channel);
            list = new Read[](4);
            list[0] = Read(A_SCALE, 0);
            list[1] = Read(B_SCALE, Shapes.rank(d.operandHeader(B_SCALE)) == 0 ? 0 : channel);
            list[2] = Read(Y_SCALE, 0);
            list[3] = Read(Y_ZERO, 0);
        }
    }

    function _apply(bytes calldata d, uint256 products, uint256 step, uint256 state, uint256[] memory words)
        private
        pure
        returns (uint256)
    {
        unchecked {
            if (step < products) return _multiplied(d, state, words);
            if (step - products < d.operandCount() - BIAS) return uint32(state + words[0]);
            return _requantized(d, state, words);
        }
    }

    /// sum + (a − its zero point) · (b − its zero point), modulo 2^32; in the padding the sum as it is.
    function _multiplied(bytes calldata d, uint256 sum, uint256[] memory words) private pure returns (uint256) {
        unchecked {
            if (words.length == 0) return sum;
            uint256 dtype = Numbers.typeOf(d.operandHeader(0));
            int256 a = Numbers.integerOf(words[0], dtype) - Numbers.integerOf(words[1], dtype);
            int256 b = Numbers.integerOf(words[2], dtype) - Numbers.integerOf(words[3], dtype);
            return Numbers.wordOf(int256(sum) + a * b, Numbers.INT32);
        }
    }

    /// sum · (scale of a · scale of b / scale of y), each step rounded, then quantised.
    function _requantized(bytes calldata d, uint256 sum, uint256[] memory words) private pure returns (uint256) {
        uint32 factor = Float32.div(Float32.mul(uint32(words[0]), uint32(words[1])), uint32(words[2]));
        uint32 scaled = Float32.mul(Float32.fromI32(int32(uint32(sum))), factor);
        return Quantization.quantized(scaled, words[3], Numbers.typeOf(d.outputHeader()));
    }
}
