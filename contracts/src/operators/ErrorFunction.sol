// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "../libraries/Float32.sol";
import {Polynomial} from "./Polynomial.sol";

/// erf x as MLAS computes it (libs/core/numerics/operators/error-function.ts, where the source is named).
library ErrorFunction {
    uint32 private constant SIGN = 0x80000000;
    uint32 private constant ONE = 0x3f800000;
    uint32 private constant UPPER = 0x407b3333;
    uint32 private constant SPLIT = 0x3f6c0000;
    uint256 private constant SMALL = 0xba1d0d413ba39fa4bcdb45e93de70d23bec093703e0375d30000000000000000;
    uint256 private constant BIG = 0x37911480b9c8e9663b7e899bbcc6b1803ddaae583f2285503e03ce8600000000;
    uint256 private constant EXPONENTIAL = 0x3ab54c6d3c0939653d2aad103e2aaa173efffffb3f8000003f80000000000000;
    uint32 private constant ROUNDING_BIAS = 0x4b400000;
    uint32 private constant LOG2_RECIPROCAL = 0x3fb8aa3b;
    uint32 private constant LOG2_HIGH = 0xbf317200;
    uint32 private constant LOG2_LOW = 0xb5bfbe8e;

    function erf(uint32 x) internal pure returns (uint32) {
        if (Float32.isNaN(x)) return Float32.NAN;
        uint32 magnitude = x & ~SIGN;
        return (magnitude > SPLIT ? _big(magnitude < UPPER ? magnitude : UPPER) : _small(magnitude)) | (x & SIGN);
    }

    function _small(uint32 a) private pure returns (uint32) {
        return Float32.fma(Polynomial.horner(SMALL, Float32.mul(a, a)), a, a);
    }

    /// 1 − e^−p(a); the power of two is a normal number.
    function _big(uint32 a) private pure returns (uint32) {
        unchecked {
            uint32 exponent = Float32.fma(Polynomial.horner(BIG, a), a, a) ^ SIGN;
            uint32 biased = Float32.fma(LOG2_RECIPROCAL, exponent, ROUNDING_BIAS);
            uint32 m = Float32.sub(biased, ROUNDING_BIAS);
            uint32 r = Float32.fma(m, LOG2_LOW, Float32.fma(m, LOG2_HIGH, exponent));
            return Float32.sub(ONE, Float32.mul(Polynomial.horner(EXPONENTIAL, r), (biased << 23) + ONE));
        }
    }
}
