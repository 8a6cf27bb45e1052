// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "../libraries/Float32.sol";

/// Horner's scheme with fused multiply-adds (libs/core/numerics/polynomial.ts).
library Polynomial {
    /// Coefficients as float32 bits, the highest first, left-aligned in a word and none of them zero.
    function horner(uint256 coefficients, uint32 x) internal pure returns (uint32 sum) {
        unchecked {
            sum = uint32(coefficients >> 224);
            while ((coefficients <<= 32) != 0) {
                sum = Float32.fma(sum, x, uint32(coefficients >> 224));
            }
        }
    }
}
