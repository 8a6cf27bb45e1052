// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// How much one reveal opens (docs/protocol.md section 4, twin of libs/core/dispute).
library FanOut {
    /// At most 2^5 nodes per reveal: 1 kB of calldata.
    uint256 internal constant MAX_LEVELS = 5;
    /// Micro-steps revealed one by one; above that at a stride.
    uint256 internal constant MAX_STATES = 256;
    /// States in one revealed word.
    uint256 internal constant PER_WORD = 4;

    /// Height of the smallest perfect binary tree with at least `leaves` leaves.
    function depthFor(uint256 leaves) internal pure returns (uint256 depth) {
        if (leaves < 2) return 0;
        assembly ("memory-safe") {
            depth := sub(256, clz(sub(leaves, 1)))
        }
    }

    /// Levels that a reveal opens when `depth` are left: as many rounds as MAX_LEVELS needs, balanced.
    function levels(uint256 depth) internal pure returns (uint256) {
        if (depth <= MAX_LEVELS) return depth;
        uint256 rounds = Math.ceilDiv(depth, MAX_LEVELS);
        return Math.ceilDiv(depth, rounds);
    }

    /// Distance between revealed states in a segment of `steps` micro-steps: square root while that gives at most
    /// MAX_STATES states, so that two rounds are even.
    function stride(uint256 steps) internal pure returns (uint256) {
        if (steps <= MAX_STATES) return 1;
        return Math.max(Math.sqrt(steps, Math.Rounding.Ceil), Math.ceilDiv(steps, MAX_STATES));
    }

    /// States revealed in a segment: at every stride, and always at its end.
    function stateCount(uint256 steps) internal pure returns (uint256) {
        return Math.ceilDiv(steps, stride(steps));
    }
}
