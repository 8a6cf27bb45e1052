// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Float32} from "../libraries/Float32.sol";
import {Shapes} from "../libraries/Shapes.sol";
import {ErrorFunction} from "./ErrorFunction.sol";
import {Exponential} from "./Exponential.sol";
import {Integers} from "./Integers.sol";
import {Read, Reads} from "./Operator.sol";
import {Rational} from "./Rational.sol";

/// Operators of one micro-step on one or two elements, float32 or for arithmetic also signed integers (libs/core/numerics/operators/elementwise.ts).
library Elementwise {
    using Descriptor for bytes;

    function steps(bytes calldata) internal pure returns (uint256) {
        return 1;
    }

    /// The element of the same index.
    function same(bytes calldata, uint256 element, uint256) internal pure returns (Read[] memory) {
        return Reads.one(0, element);
    }

    /// The elements that broadcasting reads.
    function both(bytes calldata d, uint256 element, uint256) internal pure returns (Read[] memory) {
        bytes32 output = d.outputHeader();
        return Reads.pair(
            Shapes.broadcastIndex(element, output, d.operandHeader(0)),
            Shapes.broadcastIndex(element, output, d.operandHeader(1))
        );
    }

    function add(bytes calldata d, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        (bool integral, uint256 word) = Integers.compute(Integers.Operation.Add, d, words);
        return integral ? word : Float32.add(uint32(words[0]), uint32(words[1]));
    }

    function sub(bytes calldata d, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        (bool integral, uint256 word) = Integers.compute(Integers.Operation.Sub, d, words);
        return integral ? word : Float32.sub(uint32(words[0]), uint32(words[1]));
    }

    function mul(bytes calldata d, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        (bool integral, uint256 word) = Integers.compute(Integers.Operation.Mul, d, words);
        return integral ? word : Float32.mul(uint32(words[0]), uint32(words[1]));
    }

    function div(bytes calldata d, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        (bool integral, uint256 word) = Integers.compute(Integers.Operation.Div, d, words);
        return integral ? word : Float32.div(uint32(words[0]), uint32(words[1]));
    }

    function max(bytes calldata d, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        (bool integral, uint256 word) = Integers.compute(Integers.Operation.Max, d, words);
        return integral ? word : larger(uint32(words[0]), uint32(words[1]));
    }

    function min(bytes calldata d, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        (bool integral, uint256 word) = Integers.compute(Integers.Operation.Min, d, words);
        return integral ? word : smaller(uint32(words[0]), uint32(words[1]));
    }

    /// x where x ≥ 0, else slope · x.
    function pRelu(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return Float32.le(0, uint32(words[0])) ? words[0] : Float32.mul(uint32(words[0]), uint32(words[1]));
    }

    function mod(bytes calldata d, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256 word) {
        (, word) = Integers.compute(Integers.Operation.Mod, d, words);
    }

    function neg(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return Float32.neg(uint32(words[0]));
    }

    function abs(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return Float32.abs(uint32(words[0]));
    }

    function sqrt(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return Float32.sqrt(uint32(words[0]));
    }

    function exp(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return Exponential.exp(uint32(words[0]));
    }

    /// x where x > 0, else +0.
    function relu(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return Float32.lt(0, uint32(words[0])) ? words[0] : 0;
    }

    /// x where x > 0 or NaN, else +0.
    function rectify(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return Float32.le(uint32(words[0]), 0) ? 0 : words[0];
    }

    function tanh(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return Rational.tanh(uint32(words[0]));
    }

    function sigmoid(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return Rational.logistic(uint32(words[0]));
    }

    function erf(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return ErrorFunction.erf(uint32(words[0]));
    }

    function floor(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return Float32.floor(uint32(words[0]));
    }

    function ceil(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return Float32.neg(Float32.floor(Float32.neg(uint32(words[0]))));
    }

    function round(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return Float32.rint(uint32(words[0]));
    }

    /// The larger of two; +0 is above −0, any NaN gives NaN.
    function larger(uint32 a, uint32 b) internal pure returns (uint32) {
        if (Float32.isNaN(a) || Float32.isNaN(b)) return Float32.NAN;
        if (Float32.eq(a, b)) return a & b;
        return Float32.lt(a, b) ? b : a;
    }

    /// The smaller of two; −0 is below +0, any NaN gives NaN.
    function smaller(uint32 a, uint32 b) internal pure returns (uint32) {
        return Float32.neg(larger(Float32.neg(a), Float32.neg(b)));
    }
}
