// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A whole Merkle tree in memory, built as docs/protocol.md section 1 says, with Solidity's own sha256:
/// independent of the library under test.
library Tree {
    struct T {
        /// levels[0] are the leaves, padded to a power of two.
        bytes32[][] levels;
    }

    function build(bytes32[] memory leaves) internal pure returns (T memory tree) {
        uint256 depth = 0;
        while ((1 << depth) < leaves.length) depth++;
        tree.levels = new bytes32[][](depth + 1);
        tree.levels[0] = new bytes32[](1 << depth);
        for (uint256 i = 0; i < leaves.length; i++) tree.levels[0][i] = leaves[i];
        for (uint256 l = 0; l < depth; l++) {
            uint256 width = 1 << (depth - l - 1);
            tree.levels[l + 1] = new bytes32[](width);
            for (uint256 i = 0; i < width; i++) {
                tree.levels[l + 1][i] = sha256(bytes.concat(tree.levels[l][2 * i], tree.levels[l][2 * i + 1]));
            }
        }
    }

    function root(T memory tree) internal pure returns (bytes32) {
        return tree.levels[tree.levels.length - 1][0];
    }

    function depthOf(T memory tree) internal pure returns (uint256) {
        return tree.levels.length - 1;
    }

    function siblings(T memory tree, uint256 index, uint256 from, uint256 to) internal pure returns (bytes32[] memory path) {
        path = new bytes32[](to - from);
        for (uint256 l = from; l < to; l++) {
            path[l - from] = tree.levels[l][index ^ 1];
            index >>= 1;
        }
    }

    function siblings(T memory tree, uint256 index) internal pure returns (bytes32[] memory) {
        return siblings(tree, index, 0, depthOf(tree));
    }

    /// The nodes `down` levels below node (level, index).
    function descendants(T memory tree, uint256 level, uint256 index, uint256 down)
        internal
        pure
        returns (bytes32[] memory nodes)
    {
        nodes = new bytes32[](1 << down);
        for (uint256 i = 0; i < nodes.length; i++) nodes[i] = tree.levels[level - down][(index << down) + i];
    }
}
