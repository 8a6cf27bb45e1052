// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Choices that follow from a seed.
library Rng {
    struct T {
        bytes32 state;
    }

    function word(T memory rng) internal pure returns (bytes32) {
        rng.state = keccak256(abi.encode(rng.state));
        return rng.state;
    }

    /// From `low` to `high`, both included.
    function between(T memory rng, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + uint256(word(rng)) % (high - low + 1);
    }

    /// True once in `times`.
    function once(T memory rng, uint256 times) internal pure returns (bool) {
        return uint256(word(rng)) % times == 0;
    }

    /// Of at most `bits` bits and not zero, each length as likely as any other.
    function sized(T memory rng, uint256 bits) internal pure returns (uint256) {
        return between(rng, 1, 1 << between(rng, 0, bits));
    }
}
