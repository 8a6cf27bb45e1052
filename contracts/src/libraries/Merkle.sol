// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// SHA-256 Merkle trees over 32-byte leaves, padded on the right with zero leaves to a power of two
/// (docs/protocol.md section 1; the twin of libs/core/hashing/merkle.ts).
///
/// SAFETY: calls of the SHA-256 precompile are not checked. All gas but 1/64 is forwarded, so if the 84 gas it needs are
/// missing at most two are left afterwards and the transaction runs out of gas; it cannot go on with a wrong hash.
library Merkle {
    /// Hash of two nodes.
    function hashPair(bytes32 left, bytes32 right) internal view returns (bytes32 parent) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            pop(staticcall(gas(), 0x02, 0x00, 0x40, 0x00, 0x20))
            parent := mload(0x00)
        }
    }

    /// Root of a list: its Merkle root and its length.
    function mixInLength(bytes32 root, uint256 length) internal view returns (bytes32) {
        return hashPair(root, bytes32(length));
    }

    /// Folds a node with its siblings, lowest first. Bits of `index` above the number of siblings are ignored:
    /// who counts on `index` must bound it.
    function rootFromSiblings(bytes32 node, uint256 index, bytes32[] calldata siblings) internal view returns (bytes32) {
        return rootFromSiblings(node, index, siblings, 0, siblings.length);
    }

    /// The same with siblings[from..to). INVARIANT: from ≤ to ≤ siblings.length, the caller's duty.
    function rootFromSiblings(bytes32 node, uint256 index, bytes32[] calldata siblings, uint256 from, uint256 to)
        internal
        view
        returns (bytes32 root)
    {
        assembly ("memory-safe") {
            root := node
            let end := add(siblings.offset, shl(5, to))
            for { let at := add(siblings.offset, shl(5, from)) } lt(at, end) { at := add(at, 0x20) } {
                let own := shl(5, and(index, 1))
                mstore(own, root)
                mstore(xor(own, 0x20), calldataload(at))
                pop(staticcall(gas(), 0x02, 0x00, 0x40, 0x00, 0x20))
                root := mload(0x00)
                index := shr(1, index)
            }
        }
    }

    /// Root of the tree over `nodes`, zero nodes appended up to a power of two; of no nodes, the zero node.
    /// Costs about 300 gas per node.
    function rootOf(bytes32[] calldata nodes) internal view returns (bytes32) {
        uint256 start;
        assembly ("memory-safe") {
            start := mload(0x40)
            calldatacopy(start, nodes.offset, shl(5, nodes.length))
        }
        return _fold(start, nodes.length);
    }

    /// As above, of a list in memory, which stays as it is.
    function rootOfMemory(bytes32[] memory nodes) internal view returns (bytes32) {
        uint256 start;
        assembly ("memory-safe") {
            start := mload(0x40)
            mcopy(start, add(nodes, 0x20), shl(5, mload(nodes)))
        }
        return _fold(start, nodes.length);
    }

    /// Root of the tree over the 32-byte chunks of `data` and zero chunks up to `width`, a power of two.
    /// INVARIANT: the data has no more chunks than that.
    function rootOfBytes(bytes calldata data, uint256 width) internal view returns (bytes32) {
        uint256 start;
        assembly ("memory-safe") {
            start := mload(0x40)
            calldatacopy(start, data.offset, data.length)
            // Reading past the end of calldata gives zeros.
            calldatacopy(add(start, data.length), calldatasize(), sub(shl(5, width), data.length))
        }
        return _fold(start, width);
    }

    /// Hashes the `count` words at `start` (past the free memory pointer) level by level, in place.
    function _fold(uint256 start, uint256 count) private view returns (bytes32 root) {
        assembly ("memory-safe") {
            let width := 1
            for {} lt(width, count) {} { width := shl(1, width) }
            // Reading past the end of calldata gives zeros.
            calldatacopy(add(start, shl(5, count)), calldatasize(), shl(5, sub(width, count)))

            for { let size := shl(5, width) } gt(size, 0x20) { size := shr(1, size) } {
                let to := start
                for { let from := start } lt(from, add(start, size)) { from := add(from, 0x40) } {
                    pop(staticcall(gas(), 0x02, from, 0x40, to, 0x20))
                    to := add(to, 0x20)
                }
            }
            root := mload(start)
        }
    }
}
