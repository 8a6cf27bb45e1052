// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Model} from "../../src/types/Types.sol";
import {ToyStep} from "../ToyStep.sol";
import {Tree} from "./Tree.sol";

/// A run of the toy model, honest or with one lie. Only value `opened` is whole; the others are just leaves.
library ToyTrace {
    using Tree for Tree.T;

    struct Shape {
        uint32 valueCount;
        /// The value that is opened, its elements (float32) and their micro-steps.
        uint32 opened;
        uint32 elements;
        uint64 steps;
    }

    enum Lie {
        None,
        /// State `step` of `element` is wrong and all after it follow from it.
        State,
        /// Only the claimed output is wrong.
        Output,
        TracePadding,
        TensorPadding,
        Header,
        StepCount
    }

    struct Run {
        Shape shape;
        Lie lie;
        uint64 element;
        uint64 step;
        Tree.T data;
        bytes32 header;
        Tree.T trace;
        bytes32 outputRoot;
    }

    function run(Shape memory shape, Lie lie, uint64 element, uint64 step) internal pure returns (Run memory r) {
        r.shape = shape;
        r.lie = lie;
        r.element = element;
        r.step = step;
        r.header = headerOf(lie == Lie.Header ? shape.elements + 1 : shape.elements);
        r.data = Tree.build(chunksOf(r));
        r.trace = Tree.build(leavesOf(r));
    }

    /// State after `count` micro-steps.
    function stateOf(Run memory r, uint64 element, uint64 count) internal pure returns (uint64 state) {
        for (uint64 i = 0; i < count; i++) {
            state = next(element, i, state);
            if ((r.lie == Lie.State || r.lie == Lie.StepCount) && element == r.element && i == r.step) state ^= 1;
        }
    }

    /// As ToyStep.next, without leaving anything in memory: there are thousands.
    function next(uint64 element, uint64 index, uint64 state) private pure returns (uint64 after_) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, element)
            mstore(add(free, 0x20), index)
            mstore(add(free, 0x40), state)
            after_ := and(keccak256(free, 0x60), 0xffffffff)
        }
    }

    function headerOf(uint32 elements) internal pure returns (bytes32) {
        return bytes32((uint256(1) << 248) | (uint256(1) << 240) | (uint256(elements) << 208));
    }

    function chunksOf(Run memory r) internal pure returns (bytes32[] memory chunks) {
        chunks = new bytes32[]((r.shape.elements + 7) / 8);
        for (uint64 e = 0; e < r.shape.elements; e++) {
            chunks[e / 8] |= bytes32(uint256(reversed(uint32(stateOf(r, e, r.shape.steps)))) << (224 - 32 * (e % 8)));
        }
        if (r.lie == Lie.TensorPadding) chunks[chunks.length - 1] |= bytes32(uint256(1));
    }

    function leavesOf(Run memory r) internal pure returns (bytes32[] memory leaves) {
        uint256 padding = r.lie == Lie.TracePadding ? 1 : 0;
        leaves = new bytes32[](r.shape.valueCount + padding);
        for (uint256 i = 0; i < leaves.length; i++) leaves[i] = keccak256(abi.encode("leaf", i));
        leaves[r.shape.opened] = sha256(bytes.concat(r.data.root(), r.header));
        // The only output is value `opened`.
        r.outputRoot = sha256(bytes.concat(leaves[r.shape.opened], bytes32(uint256(1))));
        if (r.lie == Lie.Output) r.outputRoot = keccak256("another answer");
        leaves[r.shape.valueCount - 1] = r.outputRoot;
    }

    /// Descriptors of value `opened` and of the outputs entry.
    function descriptors(Shape memory shape) internal pure returns (bytes memory toy, bytes memory outputs) {
        bytes32 header = headerOf(shape.elements);
        toy = abi.encode((uint256(0x70) << 248) | (uint256(1) << 224), header, uint256(shape.steps) << 192);
        outputs = abi.encode(uint256(1) << 232, bytes32(0), (uint256(3) << 248) | shape.opened, header);
    }

    function graph(Shape memory shape) internal pure returns (Tree.T memory) {
        bytes32[] memory leaves = new bytes32[](shape.valueCount);
        for (uint256 i = 0; i < leaves.length; i++) leaves[i] = keccak256(abi.encode("descriptor", i));
        (bytes memory toy, bytes memory outputs) = descriptors(shape);
        leaves[shape.opened] = sha256(toy);
        leaves[shape.valueCount - 1] = sha256(outputs);
        return Tree.build(leaves);
    }

    function model(Shape memory shape) internal pure returns (Model memory) {
        return Model(graph(shape).root(), shape.valueCount, keccak256("weights"), keccak256("signature"), keccak256("profile"));
    }

    function modelId(Model memory m) internal pure returns (bytes32) {
        bytes32 graphRoot = sha256(bytes.concat(m.graphTree, bytes32(uint256(m.valueCount))));
        return sha256(bytes.concat(graphRoot, m.weightsRoot, m.signatureRoot, m.profile));
    }

    function reversed(uint32 v) internal pure returns (uint32) {
        return (v >> 24) | ((v >> 8) & 0xff00) | ((v << 8) & 0xff0000) | (v << 24);
    }
}
