// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FanOut} from "./FanOut.sol";
import {Headers} from "./Headers.sol";
import {Merkle} from "./Merkle.sol";

/// A tensor by the two nodes whose hash is its root (docs/protocol.md section 1).
struct Bound {
    bytes32 dataRoot;
    bytes32 header;
}

/// The tensors under an input root, in parts: a part is up to 2^11 chunks of one tensor, 64 KiB; each tensor begins a new one.
library Inputs {
    uint256 internal constant PART_LEVELS = 11;
    uint256 private constant CHUNK = 32;

    /// Root of the list, as in a claim.
    function rootOf(Bound[] calldata tensors) internal view returns (bytes32) {
        bytes32[] memory roots = new bytes32[](tensors.length);
        for (uint256 i = 0; i < tensors.length; i++) roots[i] = Merkle.hashPair(tensors[i].dataRoot, tensors[i].header);
        return Merkle.mixInLength(Merkle.rootOfMemory(roots), tensors.length);
    }

    /// How many parts all of them have; reverts for a header that no tensor has.
    function partsOf(Bound[] calldata tensors) internal pure returns (uint256 parts) {
        for (uint256 i = 0; i < tensors.length; i++) parts += _partsOf(tensors[i].header);
    }

    /// True if `data` is part number `part`: all bytes it has, no more, and under its tensor's root by the siblings.
    function isPart(Bound[] calldata tensors, uint256 part, bytes calldata data, bytes32[] calldata siblings) internal view returns (bool) {
        uint256 i;
        for (; part >= _partsOf(tensors[i].header); i++) part -= _partsOf(tensors[i].header);
        (uint256 elements, uint256 size) = Headers.shapeOf(tensors[i].header);
        uint256 first = part << PART_LEVELS;
        uint256 depth = FanOut.depthFor(Headers.chunks(tensors[i].header));
        uint256 levels = depth < PART_LEVELS ? depth : PART_LEVELS;
        uint256 left = elements * size - first * CHUNK;
        uint256 whole = CHUNK << PART_LEVELS;
        if (data.length != (left < whole ? left : whole) || siblings.length != depth - levels) return false;
        return Merkle.rootFromSiblings(Merkle.rootOfBytes(data, 1 << levels), part, siblings) == tensors[i].dataRoot;
    }

    function _partsOf(bytes32 header) private pure returns (uint256) {
        return (Headers.chunks(header) + (1 << PART_LEVELS) - 1) >> PART_LEVELS;
    }
}
