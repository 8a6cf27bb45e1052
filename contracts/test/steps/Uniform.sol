// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Opening, Roots} from "../../src/types/Types.sol";
import {Tree} from "../world/Tree.sol";
import {Descriptors} from "./Descriptors.sol";
import {Dims} from "./Dims.sol";
import {Rng} from "./Rng.sol";

/// Operands of any size without their data: a tensor whose chunks are all the same has, at every level, one node, so one path
/// opens any of its elements. The tensors are the first items of a list of up to 2^32 − 1, the same for inputs,
/// initializers and values.
library Uniform {
    using Rng for Rng.T;
    using Tree for Tree.T;

    uint256 private constant INPUT = 1;
    uint256 private constant VALUE = 3;
    /// Leaves of the list that are built; above them only the left edge.
    uint256 private constant LEAVES = 16;

    struct T {
        uint256[] kinds;
        bytes32[] headers;
        bytes32[] chunks;
        bytes32[][] paths;
        bool shared;
        Tree.T lower;
        bytes32[] upper;
        uint256 length;
        bytes32 root;
    }

    function build(Descriptors.T memory d, Rng.T memory rng) internal pure returns (T memory world) {
        uint256 count = d.operands.length;
        world.shared = d.shared;
        world.headers = d.operands;
        world.kinds = new uint256[](count);
        uint256 kind = rng.between(INPUT, VALUE);
        for (uint256 i = 0; i < count; i++) world.kinds[i] = d.shared ? kind : rng.between(INPUT, VALUE);
        if (d.shared) count = 1;
        world.chunks = new bytes32[](count);
        world.paths = new bytes32[][](count);
        bytes32[] memory leaves = new bytes32[](LEAVES);
        for (uint256 i = 0; i < LEAVES; i++) leaves[i] = i < count ? _tensor(world, i, rng) : rng.word();
        world.lower = Tree.build(leaves);
        _extend(world, rng);
    }

    function roots(T memory world) internal pure returns (Roots memory) {
        bytes32 list = sha256(abi.encode(world.root, world.length));
        return Roots(world.root, uint32(world.length), list, list);
    }

    function opening(T memory world, uint256 slot) internal pure returns (Opening memory) {
        uint256 item = world.shared ? 0 : slot;
        bytes32[] memory below = world.paths[item];
        bytes32[] memory inList = world.lower.siblings(item);
        bytes32[] memory path = new bytes32[](below.length + inList.length + world.upper.length);
        uint256 next;
        for (uint256 i = 0; i < below.length; i++) path[next++] = below[i];
        for (uint256 i = 0; i < inList.length; i++) path[next++] = inList[i];
        for (uint256 i = 0; i < world.upper.length; i++) path[next++] = world.upper[i];
        return Opening(world.chunks[item], world.kinds[slot] == VALUE ? 0 : uint32(world.length), path);
    }

    /// The root of an operand's tensor; notes its chunk and the path of every chunk.
    function _tensor(T memory world, uint256 item, Rng.T memory rng) private pure returns (bytes32) {
        bytes32 header = world.headers[item];
        uint256 perChunk = 32 / _sizeOf(uint8(header[0]));
        uint256 depth = _depthFor((Dims.countOf(header) + perChunk - 1) / perChunk);
        bytes32 node = _chunk(rng);
        world.chunks[item] = node;
        world.paths[item] = new bytes32[](depth);
        for (uint256 level = 0; level < depth; level++) {
            world.paths[item][level] = node;
            node = sha256(abi.encode(node, node));
        }
        return sha256(abi.encode(node, header));
    }

    /// Anything, or special numbers in every lane: float32 little-endian zeros, infinities, NaNs, least and largest ones.
    function _chunk(Rng.T memory rng) private pure returns (bytes32 chunk) {
        if (rng.once(2)) return rng.word();
        bytes32 special = 0x00000000000000800000807f000080ff0000c07f01000000ffff7f00ffff7f7f;
        for (uint256 lane = 0; lane < 8; lane++) {
            uint256 which = rng.between(0, 7);
            chunk |= (special << (32 * which)) >> 224 << (224 - 32 * lane);
        }
    }

    /// Makes the list as long as may be, or any length.
    function _extend(T memory world, Rng.T memory rng) private pure {
        world.length = rng.once(2) ? type(uint32).max : rng.between(LEAVES, LEAVES << rng.between(0, 20));
        world.upper = new bytes32[](_depthFor(world.length) - world.lower.depthOf());
        world.root = world.lower.root();
        for (uint256 level = 0; level < world.upper.length; level++) {
            world.upper[level] = rng.word();
            world.root = sha256(abi.encode(world.root, world.upper[level]));
        }
    }

    function _sizeOf(uint256 dtype) private pure returns (uint256) {
        if (dtype == 7) return 8;
        return dtype == 1 || dtype == 6 ? 4 : 1;
    }

    function _depthFor(uint256 leaves) private pure returns (uint256 depth) {
        while (1 << depth < leaves) depth++;
    }
}
