// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Shapes} from "../libraries/Shapes.sol";
import {Float32} from "../libraries/Float32.sol";
import {Numbers} from "./Numbers.sol";
import {Read} from "./Operator.sol";

/// Comparisons, logic, Where and Cast (libs/core/numerics/operators/logic.ts, cast.ts): one micro-step each.
library Logic {
    using Descriptor for bytes;

    function less(bytes calldata d, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return _word(Numbers.less(words[0], words[1], _operandType(d)));
    }

    function lessOrEqual(bytes calldata d, uint256, uint256, uint256, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        return _word(Numbers.lessOrEqual(words[0], words[1], _operandType(d)));
    }

    function equal(bytes calldata d, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        uint256 dtype = _operandType(d);
        return _word(Numbers.lessOrEqual(words[0], words[1], dtype) && Numbers.lessOrEqual(words[1], words[0], dtype));
    }

    function and(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return _word(words[0] != 0 && words[1] != 0);
    }

    function or(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return _word(words[0] != 0 || words[1] != 0);
    }

    function xor(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return _word((words[0] != 0) != (words[1] != 0));
    }

    function not(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return _word(words[0] == 0);
    }

    /// The elements of condition and both branches that broadcasting reads.
    function whereReads(bytes calldata d, uint256 element, uint256) internal pure returns (Read[] memory reads) {
        unchecked {
            reads = new Read[](3);
            for (uint256 slot = 0; slot < 3; slot++) {
                reads[slot] = Read(slot, Shapes.broadcastIndex(element, d.outputHeader(), d.operandHeader(slot)));
            }
        }
    }

    function where(bytes calldata d, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return Numbers.canonical(words[0] != 0 ? words[1] : words[2], Numbers.typeOf(d.outputHeader()));
    }

    function cast(bytes calldata d, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        uint256 from = _operandType(d);
        uint256 to = Numbers.typeOf(d.outputHeader());
        if (from == Numbers.FLOAT32) return _castFloat(uint32(words[0]), to);
        int256 value = Numbers.integerOf(words[0], from);
        if (to == Numbers.FLOAT32) return Float32.fromI64(int64(value));
        return to == Numbers.BOOL ? _word(value != 0) : Numbers.wordOf(value, to);
    }

    /// Towards zero; out of range saturates, and NaN is the largest.
    function _castFloat(uint32 x, uint256 to) private pure returns (uint256) {
        unchecked {
            if (to == Numbers.BOOL) return _word(x << 1 != 0);
            int256 value = Float32.truncI64(x);
            uint256 bits = Numbers.bitsOf(to);
            bool signed = to != Numbers.UINT8;
            int256 least = signed ? -(int256(1) << (bits - 1)) : int256(0);
            int256 most = (int256(1) << (signed ? bits - 1 : bits)) - 1;
            return Numbers.wordOf(value < least ? least : value > most ? most : value, to);
        }
    }

    function _operandType(bytes calldata d) private pure returns (uint256) {
        return Numbers.typeOf(d.operandHeader(0));
    }

    function _word(bool holds) private pure returns (uint256) {
        return holds ? 1 : 0;
    }
}
