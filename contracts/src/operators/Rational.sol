// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "../libraries/Float32.sol";
import {Polynomial} from "./Polynomial.sol";

/// tanh x and 1/(1 + e^−x) as MLAS computes them (libs/core/numerics/operators/rational.ts, where the source is named):
/// an odd rational function of the argument, which is cut to a range around zero.
library Rational {
    uint32 private constant SIGN = 0x80000000;
    uint32 private constant HALF = 0x3f000000;

    uint32 private constant TANH_BOUND = 0x41100000;
    uint256 private constant TANH_NUMERATOR = 0xa59f25c02a61337eaebd37ff335c00413779434a3a270ded3ba059dc00000000;
    uint256 private constant TANH_DENOMINATOR = 0x35a0d3d838f895d63b14aa053ba059dd00000000000000000000000000000000;

    uint32 private constant LOGISTIC_BOUND = 0x41900000;
    uint256 private constant LOGISTIC_NUMERATOR = 0x2e40355133f84ecb387f413b3c0b7d583e7e3f32000000000000000000000000;
    uint256 private constant LOGISTIC_DENOMINATOR = 0x2b2bc4f531c5f27b36d317dd3adf153f3def3e183f7e3f340000000000000000;

    function tanh(uint32 x) internal pure returns (uint32) {
        if (Float32.isNaN(x)) return Float32.NAN;
        return _evaluate(x, TANH_BOUND, TANH_NUMERATOR, TANH_DENOMINATOR);
    }

    function logistic(uint32 x) internal pure returns (uint32) {
        if (Float32.isNaN(x)) return Float32.NAN;
        uint32 value = Float32.add(_evaluate(x, LOGISTIC_BOUND, LOGISTIC_NUMERATOR, LOGISTIC_DENOMINATOR), HALF);
        return Float32.lt(0, value) ? value : 0;
    }

    function _evaluate(uint32 x, uint32 bound, uint256 numerator, uint256 denominator) private pure returns (uint32) {
        if (Float32.lt(x, bound | SIGN)) x = bound | SIGN;
        else if (Float32.lt(bound, x)) x = bound;
        uint32 square = Float32.mul(x, x);
        return Float32.div(Float32.mul(Polynomial.horner(numerator, square), x), Polynomial.horner(denominator, square));
    }
}
