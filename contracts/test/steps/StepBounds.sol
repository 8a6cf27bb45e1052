// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// The most gas that judging one micro-step takes, for the largest legal shapes: this is the one place that says so.
/// A frame, an opening for every operand element read, and what the operator's own rule adds. An opening is two paths of
/// hashes, at most 38 (2^40 elements of eight bytes in chunks) and 32 (items of a list) long. No rule loops over data:
/// only over seven axes and, to find a part of Concat, over 255 operands.
library StepBounds {
    /// Decoding the call, the descriptor, the call of the family.
    uint256 private constant FRAME = 16_000;
    uint256 private constant OPENING = 19_000;

    function gasOf(uint8 op) internal pure returns (uint256) {
        return FRAME + readsOf(op) * OPENING + ruleOf(op);
    }

    /// Operand elements that one micro-step reads at most.
    function readsOf(uint8 op) internal pure returns (uint256) {
        if (op >= 37 && op <= 40) return 4;
        if (op == 54 || op == 29 || op == 30) return 3;
        if (op <= 14 || (op >= 32 && op <= 36)) return 2;
        return 1;
    }

    function ruleOf(uint8 op) internal pure returns (uint256) {
        // Two or three indices broadcast.
        if (op <= 14 || op == 54) return 16_000;
        // Polynomials: Exp, Tanh, Sigmoid, Erf.
        if (op == 19 || (op >= 21 && op <= 23)) return 34_000;
        // Concat.
        if (op == 66) return 50_000;
        return 10_000;
    }
}
