// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// The Keccak tree over revealed states' words, built naively: independent of the library under test.
library StatesTree {
    /// Siblings of a word up to the root, lowest first.
    function siblings(bytes32[] memory words, uint256 index) internal pure returns (bytes32[] memory path) {
        uint256 depth = 0;
        while ((1 << depth) < words.length) depth++;
        bytes32[] memory level = new bytes32[](1 << depth);
        for (uint256 i = 0; i < words.length; i++) level[i] = words[i];
        path = new bytes32[](depth);
        for (uint256 l = 0; l < depth; l++) {
            path[l] = level[index ^ 1];
            index >>= 1;
            for (uint256 i = 0; i < 1 << (depth - l - 1); i++) {
                level[i] = keccak256(bytes.concat(level[2 * i], level[2 * i + 1]));
            }
        }
    }
}
