// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What a commit hashes and logs. WHY by hand: the header would be encoded twice, and amounts copied word by word.
library Commits {
    /// keccak256(abi.encodePacked(words)).
    function hash(uint256[] calldata words) internal pure returns (bytes32 word) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            let size := shl(5, words.length)
            calldatacopy(free, words.offset, size)
            word := keccak256(free, size)
        }
    }

    /// IBatches.BatchCommitted by the caller, of a batch that is encoded already.
    function log(bytes32 selector, uint256 batchId, bytes memory batch, uint256[] calldata totals, uint256[] calldata charges) internal {
        assembly ("memory-safe") {
            let free := mload(0x40)
            let size := mload(batch)
            mcopy(free, add(batch, 0x20), size)
            let head := add(free, size)
            let at := add(head, 0x40)
            mstore(head, sub(at, free))
            mstore(at, totals.length)
            calldatacopy(add(at, 0x20), totals.offset, shl(5, totals.length))
            at := add(at, shl(5, add(totals.length, 1)))
            mstore(add(head, 0x20), sub(at, free))
            mstore(at, charges.length)
            calldatacopy(add(at, 0x20), charges.offset, shl(5, charges.length))
            at := add(at, shl(5, add(charges.length, 1)))
            log3(free, sub(at, free), selector, batchId, caller())
        }
    }
}
