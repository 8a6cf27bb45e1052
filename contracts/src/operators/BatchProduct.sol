// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Float32} from "../libraries/Float32.sol";
import {Shapes} from "../libraries/Shapes.sol";
import {Matrices} from "./Matrices.sol";
import {Read, Reads} from "./Operator.sol";
import {Reduction} from "./Reduction.sol";

/// BatchMatMul and Gemm (libs/core/numerics/operators/batch-matmul.ts, gemm.ts). Attributes: block, whether the left and
/// the right side lie transposed; of Gemm also alpha and beta.
library BatchProduct {
    using Descriptor for bytes;

    uint256 private constant ADDEND = 2;
    uint256 private constant ALPHA = 3;
    uint256 private constant BETA = 4;
    uint32 private constant ONE = 0x3f800000;

    function steps(bytes calldata d) internal pure returns (uint256) {
        return Reduction.stepsOf(_length(d), d.attribute(0));
    }

    function reads(bytes calldata d, uint256 element, uint256 step) internal pure returns (Read[] memory) {
        (Reduction.Stage stage, uint256 k) = Reduction.stageAt(_length(d), d.attribute(0), step);
        return stage == Reduction.Stage.Product ? _productReads(d, element, k) : Reads.none();
    }

    function apply_(bytes calldata d, uint256, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        (Reduction.Stage stage, uint256 position) = Reduction.stageAt(_length(d), d.attribute(0), step);
        if (stage == Reduction.Stage.Product) return Reduction.multiplyInto(state, uint32(words[0]), uint32(words[1]));
        return stage == Reduction.Stage.Fold ? Reduction.foldInto(state, position) : state;
    }

    // Gemm: where there is an addend, one micro-step before the products

    function gemmSteps(bytes calldata d) internal pure returns (uint256) {
        unchecked {
            return steps(d) + _addends(d);
        }
    }

    function gemmReads(bytes calldata d, uint256 element, uint256 step) internal pure returns (Read[] memory) {
        unchecked {
            uint256 before = _addends(d);
            if (step >= before) return reads(d, element, step - before);
            return Reads.one(ADDEND, Shapes.broadcastIndex(element, d.outputHeader(), d.operandHeader(ADDEND)));
        }
    }

    function applyGemm(bytes calldata d, uint256, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            uint256 before = _addends(d);
            if (step < before) return _scaled(uint32(words[0]), uint32(d.attribute(BETA)));
            (Reduction.Stage stage, uint256 position) = Reduction.stageAt(_length(d), d.attribute(0), step - before);
            if (stage == Reduction.Stage.Done) return state;
            if (stage == Reduction.Stage.Product) {
                return Reduction.multiplyInto(state, uint32(words[0]), uint32(words[1]));
            }
            uint32 alpha = uint32(d.attribute(ALPHA));
            uint32 block_ = Reduction.blockOf(state);
            if (position == 0 && before == 0) return _scaled(block_, alpha);
            return Float32.fma(block_, alpha, Reduction.totalOf(state));
        }
    }

    function _addends(bytes calldata d) private pure returns (uint256) {
        unchecked {
            return d.operandCount() - ADDEND;
        }
    }

    function _scaled(uint32 x, uint32 factor) private pure returns (uint32) {
        if (factor != ONE) return Float32.mul(x, factor);
        return Float32.isNaN(x) ? Float32.NAN : x;
    }

    /// Products per element: rows of the right side.
    function _length(bytes calldata d) private pure returns (uint256) {
        unchecked {
            bytes32 b = d.operandHeader(1);
            return Shapes.size(b, Shapes.rank(b) - (d.attribute(2) == 1 ? 1 : 2));
        }
    }

    function _productReads(bytes calldata d, uint256 element, uint256 k) private pure returns (Read[] memory) {
        unchecked {
            uint256 length = _length(d);
            bytes32 output = d.outputHeader();
            Matrices.Place memory its = Matrices.placeOf(output, element);

            uint256 left = d.attribute(1) == 1 ? k * its.rows + its.row : its.row * length + k;
            uint256 right = d.attribute(2) == 1 ? its.column * length + k : k * its.columns + its.column;
            return Reads.pair(
                Matrices.stackIndex(its.matrix, output, d.operandHeader(0)) * its.rows * length + left,
                Matrices.stackIndex(its.matrix, output, d.operandHeader(1)) * length * its.columns + right
            );
        }
    }
}
