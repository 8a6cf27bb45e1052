// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "../libraries/Float32.sol";

/// Words of elements as numbers, by element type (libs/core/numerics/integers.ts). A type is its code in a tensor header.
library Numbers {
    uint256 internal constant FLOAT32 = 1;
    uint256 internal constant UINT8 = 2;
    uint256 internal constant INT8 = 3;
    uint256 internal constant INT32 = 6;
    uint256 internal constant INT64 = 7;
    uint256 internal constant BOOL = 9;

    function typeOf(bytes32 header) internal pure returns (uint256) {
        return uint256(header) >> 248;
    }

    function bitsOf(uint256 dtype) internal pure returns (uint256) {
        if (dtype == INT64) return 64;
        return dtype == INT32 || dtype == FLOAT32 ? 32 : 8;
    }

    /// The integer that a word stands for.
    function integerOf(uint256 word, uint256 dtype) internal pure returns (int256 value) {
        if (dtype == UINT8 || dtype == BOOL) return int256(word);
        uint256 lastByte = bitsOf(dtype) / 8 - 1;
        assembly ("memory-safe") {
            value := signextend(lastByte, word)
        }
    }

    /// The word of an integer, reduced modulo 2 to the number of bits.
    function wordOf(int256 value, uint256 dtype) internal pure returns (uint256) {
        unchecked {
            return uint256(value) & ((1 << bitsOf(dtype)) - 1);
        }
    }

    /// Integers that are ordered as the words' values are; `comparable` is false for a NaN. Both zeros are 0.
    function orderOf(uint256 word, uint256 dtype) internal pure returns (bool comparable, int256 key) {
        unchecked {
            if (dtype != FLOAT32) return (true, integerOf(word, dtype));
            int256 magnitude = int256(word & 0x7fffffff);
            return (magnitude <= 0x7f800000, word >> 31 == 0 ? magnitude : -magnitude);
        }
    }

    /// a < b; false if either is a NaN.
    function less(uint256 a, uint256 b, uint256 dtype) internal pure returns (bool) {
        (bool isA, int256 keyA) = orderOf(a, dtype);
        (bool isB, int256 keyB) = orderOf(b, dtype);
        return isA && isB && keyA < keyB;
    }

    /// a ≤ b; false if either is a NaN.
    function lessOrEqual(uint256 a, uint256 b, uint256 dtype) internal pure returns (bool) {
        (bool isA, int256 keyA) = orderOf(a, dtype);
        (bool isB, int256 keyB) = orderOf(b, dtype);
        return isA && isB && keyA <= keyB;
    }

    /// The word as it is; of NaNs the canonical one.
    function canonical(uint256 word, uint256 dtype) internal pure returns (uint256) {
        return dtype == FLOAT32 && Float32.isNaN(uint32(word)) ? Float32.NAN : word;
    }
}
