// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A view over an encoded descriptor in calldata (libs/core/numerics/descriptor.ts): word 0 op ‖ output index ‖ operand
/// count ‖ attribute count, word 1 the output's header, two words per operand, then the attributes, four in a word.
///
/// Nothing is checked here. A descriptor is opened against the graph of the claim's model, and nobody signs a claim for a
/// model whose descriptors fail `check` (libs/core/numerics/operators); for those every read below is inside its field.
library Descriptor {
    /// Byte 0: the operator's code.
    function op(bytes calldata d) internal pure returns (uint8) {
        return uint8(_word(d, 0) >> 248);
    }

    function operandCount(bytes calldata d) internal pure returns (uint256) {
        return uint8(_word(d, 0) >> 232);
    }

    function attributeCount(bytes calldata d) internal pure returns (uint256) {
        return uint8(_word(d, 0) >> 224);
    }

    function outputHeader(bytes calldata d) internal pure returns (bytes32) {
        return bytes32(_word(d, 1));
    }

    /// Kind of an operand (1 input, 2 initializer, 3 earlier value) and its index among those.
    function operandRef(bytes calldata d, uint256 slot) internal pure returns (uint256 kind, uint256 index) {
        unchecked {
            uint256 ref = _word(d, 2 + 2 * slot);
            return (ref >> 248, uint32(ref));
        }
    }

    function operandHeader(bytes calldata d, uint256 slot) internal pure returns (bytes32) {
        unchecked {
            return bytes32(_word(d, 3 + 2 * slot));
        }
    }

    /// An attribute that `check` holds to be neither negative nor above 2^63.
    function attribute(bytes calldata d, uint256 index) internal pure returns (uint256 value) {
        unchecked {
            uint256 start = 64 * (1 + operandCount(d)) + 8 * index;
            assembly ("memory-safe") {
                value := shr(192, calldataload(add(d.offset, start)))
            }
        }
    }

    function _word(bytes calldata d, uint256 index) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(d.offset, shl(5, index)))
        }
    }
}
