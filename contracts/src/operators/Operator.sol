// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// One operand element that a micro-step reads: which operand, and its row-major index there, or Reads.FROM_STATE.
struct Read {
    uint256 slot;
    uint256 element;
}

/// The meaning of one operator: the twin of the interface Operator in libs/core/numerics/operator.ts, on an encoded
/// descriptor that has passed its check. `words` are the elements read; the state is 0 before the first micro-step.
struct Operator {
    /// (descriptor) → micro-steps per element
    function(bytes calldata) internal pure returns (uint256) steps;
    /// (descriptor, element, step) → what the micro-step reads
    function(bytes calldata, uint256, uint256) internal pure returns (Read[] memory) reads;
    /// (descriptor, element, step, state, words) → the state after it
    function(bytes calldata, uint256, uint256, uint256, uint256[] memory) internal pure returns (uint256) apply_;
}

/// Lists of reads, by length.
library Reads {
    /// In place of an index: the state before the micro-step is the index.
    uint256 internal constant FROM_STATE = type(uint256).max;

    function none() internal pure returns (Read[] memory) {
        return new Read[](0);
    }

    function one(uint256 slot, uint256 element) internal pure returns (Read[] memory reads) {
        reads = new Read[](1);
        reads[0] = Read(slot, element);
    }

    /// One element each of operands 0 and 1.
    function pair(uint256 first, uint256 second) internal pure returns (Read[] memory reads) {
        reads = new Read[](2);
        reads[0] = Read(0, first);
        reads[1] = Read(1, second);
    }
}
