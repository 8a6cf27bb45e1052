// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Keccak-256 Merkle trees over the words of revealed states, padded on the right with zero words to a power of two.
/// WHY not SHA-256 as everywhere else: no state is committed to off chain, and on chain keccak costs a fifth.
library States {
    /// Root over `words`; of one word, the word.
    function rootOf(bytes32[] calldata words) internal pure returns (bytes32 root) {
        assembly ("memory-safe") {
            let start := mload(0x40)
            let width := 1
            for {} lt(width, words.length) {} { width := shl(1, width) }
            calldatacopy(start, words.offset, shl(5, words.length))
            // Reading past the end of calldata gives zeros.
            calldatacopy(add(start, shl(5, words.length)), calldatasize(), shl(5, sub(width, words.length)))

            for { let size := shl(5, width) } gt(size, 0x20) { size := shr(1, size) } {
                let to := start
                for { let from := start } lt(from, add(start, size)) { from := add(from, 0x40) } {
                    mstore(to, keccak256(from, 0x40))
                    to := add(to, 0x20)
                }
            }
            root := mload(start)
        }
    }

    /// Folds a word with its siblings, lowest first.
    function rootFromSiblings(bytes32 word, uint256 index, bytes32[] calldata siblings) internal pure returns (bytes32 root) {
        assembly ("memory-safe") {
            root := word
            let end := add(siblings.offset, shl(5, siblings.length))
            for { let at := siblings.offset } lt(at, end) { at := add(at, 0x20) } {
                let own := shl(5, and(index, 1))
                mstore(own, root)
                mstore(xor(own, 0x20), calldataload(at))
                root := keccak256(0x00, 0x40)
                index := shr(1, index)
            }
        }
    }
}
