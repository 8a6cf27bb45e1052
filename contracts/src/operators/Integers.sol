// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Numbers} from "./Numbers.sol";

/// Two's complement arithmetic on words of signed integers (libs/core/numerics/integers.ts): exact, modulo 2 to the bits.
library Integers {
    using Descriptor for bytes;

    enum Operation {
        Add,
        Sub,
        Mul,
        Div,
        Max,
        Min,
        Mod
    }

    /// True, and the result's word, if the output's type is an integer.
    function compute(Operation operation, bytes calldata d, uint256[] memory words)
        internal
        pure
        returns (bool integral, uint256)
    {
        uint256 dtype = Numbers.typeOf(d.outputHeader());
        if (dtype == Numbers.FLOAT32) return (false, 0);
        int256 a = Numbers.integerOf(words[0], dtype);
        int256 b = Numbers.integerOf(words[1], dtype);
        return (true, Numbers.wordOf(_result(operation, a, b), dtype));
    }

    function _result(Operation operation, int256 a, int256 b) private pure returns (int256) {
        unchecked {
            if (operation == Operation.Add) return a + b;
            if (operation == Operation.Sub) return a - b;
            if (operation == Operation.Mul) return a * b;
            if (operation == Operation.Max) return a < b ? b : a;
            if (operation == Operation.Min) return b < a ? b : a;
            // By zero the EVM gives zero, as defined.
            if (operation == Operation.Div) return _quotient(a, b);
            return _modulo(a, b);
        }
    }

    /// Towards zero; by zero it is zero.
    function _quotient(int256 a, int256 b) private pure returns (int256 quotient) {
        assembly ("memory-safe") {
            quotient := sdiv(a, b)
        }
    }

    /// With the sign of the divisor; by zero it is zero.
    function _modulo(int256 a, int256 b) private pure returns (int256 remainder) {
        unchecked {
            assembly ("memory-safe") {
                remainder := smod(a, b)
            }
            if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
        }
    }
}
