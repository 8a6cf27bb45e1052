// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "../libraries/Float32.sol";

/// e^x as MLAS computes it (libs/core/numerics/operators/exponential.ts, where the source is named).
library Exponential {
    uint32 private constant LOWEST = 0xc2cff1b5;
    uint32 private constant HIGHEST = 0x42b18d72;
    uint32 private constant ROUNDING_BIAS = 0x4b400000;
    uint32 private constant LOG2_RECIPROCAL = 0x3fb8aa3b;
    uint32 private constant LOG2_HIGH = 0xbf317200;
    uint32 private constant LOG2_LOW = 0xb5bfbe8e;
    int32 private constant SMALLEST_EXPONENT = -1056964608;
    int32 private constant LARGEST_EXPONENT = 1065353216;

    function exp(uint32 x) internal pure returns (uint32) {
        if (Float32.isNaN(x)) return Float32.NAN;
        if (Float32.lt(x, LOWEST)) x = LOWEST;
        else if (Float32.lt(HIGHEST, x)) x = HIGHEST;

        uint32 biased = Float32.fma(x, LOG2_RECIPROCAL, ROUNDING_BIAS);
        uint32 m = Float32.sub(biased, ROUNDING_BIAS);
        uint32 r = Float32.fma(m, LOG2_LOW, Float32.fma(m, LOG2_HIGH, x));
        (uint32 overflow, uint32 normal) = _powers(biased);

        return Float32.mul(Float32.fma(_polynomial(r), Float32.mul(r, overflow), overflow), normal);
    }

    /// 2^m as two factors, for exponents beyond the range of one float.
    function _powers(uint32 biased) private pure returns (uint32 overflow, uint32 normal) {
        unchecked {
            int32 power = int32(biased << 23);
            int32 part = power > LARGEST_EXPONENT ? LARGEST_EXPONENT : power;
            if (part < SMALLEST_EXPONENT) part = SMALLEST_EXPONENT;
            return (uint32(power - part + LARGEST_EXPONENT), uint32(part + LARGEST_EXPONENT));
        }
    }

    function _polynomial(uint32 r) private pure returns (uint32 p) {
        p = Float32.fma(0x3ab4a000, r, 0x3c092f6e);
        p = Float32.fma(p, r, 0x3d2aadad);
        p = Float32.fma(p, r, 0x3e2aaa28);
        p = Float32.fma(p, r, 0x3efffffb);
        p = Float32.fma(p, r, 0x3f800000);
    }
}
