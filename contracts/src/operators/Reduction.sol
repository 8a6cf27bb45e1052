// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "../libraries/Float32.sol";

/// Sums of products in blocks (libs/core/numerics/reduction.ts): in each block one micro-step per product, then one that
/// folds the block into the total. The state's low half is the total, its high half the block.
library Reduction {
    enum Stage {
        Product,
        Fold,
        Done
    }

    function stepsOf(uint256 length, uint256 block_) internal pure returns (uint256) {
        unchecked {
            return length + (length + block_ - 1) / block_;
        }
    }

    /// Where a micro-step stands: at product `position`, at the fold that closes block number `position`, or past the reduction.
    function stageAt(uint256 length, uint256 block_, uint256 step) internal pure returns (Stage stage, uint256 position) {
        unchecked {
            if (step >= stepsOf(length, block_)) return (Stage.Done, 0);
            uint256 number = step / (block_ + 1);
            uint256 within = step % (block_ + 1);
            uint256 left = length - number * block_;
            if (within < (left < block_ ? left : block_)) return (Stage.Product, number * block_ + within);
            return (Stage.Fold, number);
        }
    }

    function totalOf(uint256 state) internal pure returns (uint32) {
        return uint32(state);
    }

    function blockOf(uint256 state) internal pure returns (uint32) {
        return uint32(state >> 32);
    }

    function stateOf(uint32 total, uint32 block_) internal pure returns (uint256) {
        return uint256(block_) << 32 | total;
    }

    /// block = fma(a, b, block)
    function multiplyInto(uint256 state, uint32 a, uint32 b) internal pure returns (uint256) {
        return stateOf(totalOf(state), Float32.fma(a, b, blockOf(state)));
    }

    /// total = block for the first block, total + block for later ones; then block = +0.
    function foldInto(uint256 state, uint256 number) internal pure returns (uint256) {
        return number == 0 ? blockOf(state) : Float32.add(totalOf(state), blockOf(state));
    }
}
