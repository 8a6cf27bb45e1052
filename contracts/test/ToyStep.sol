// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {StepVerifier} from "../src/StepVerifier.sol";
import {Descriptor} from "../src/libraries/Descriptor.sol";
import {Operator, Read, Reads} from "../src/operators/Operator.sol";

/// Four toy operators on the real verifier: the game's rules are tested on these first.
contract ToyStep is StepVerifier {
    /// No operands, as many micro-steps as the attribute says; each hashes state, element and step.
    uint8 public constant CHAIN = 0x70;
    /// One operand, one micro-step: the same element.
    uint8 public constant COPY = 0x71;
    /// Two operands, one micro-step: the sum.
    uint8 public constant ADD = 0x72;
    /// One operand, as many micro-steps as the attribute says: sum of its first elements.
    uint8 public constant SUM = 0x73;

    function _operatorOf(uint8 code) internal pure override returns (Operator memory) {
        if (code == CHAIN) return Operator(ToyOperators.several, ToyOperators.nothing, ToyOperators.chain);
        if (code == COPY) return Operator(ToyOperators.once, ToyOperators.same, ToyOperators.copy);
        if (code == ADD) return Operator(ToyOperators.once, ToyOperators.both, ToyOperators.add);
        if (code == SUM) return Operator(ToyOperators.several, ToyOperators.kth, ToyOperators.sum);
        revert UnknownOperator(code);
    }
}

library ToyOperators {
    using Descriptor for bytes;

    function once(bytes calldata) internal pure returns (uint256) {
        return 1;
    }

    function several(bytes calldata d) internal pure returns (uint256) {
        return d.attribute(0);
    }

    function nothing(bytes calldata, uint256, uint256) internal pure returns (Read[] memory) {
        return Reads.none();
    }

    function same(bytes calldata, uint256 element, uint256) internal pure returns (Read[] memory) {
        return Reads.one(0, element);
    }

    function both(bytes calldata, uint256 element, uint256) internal pure returns (Read[] memory) {
        return Reads.pair(element, element);
    }

    function kth(bytes calldata, uint256, uint256 step) internal pure returns (Read[] memory) {
        return Reads.one(0, step);
    }

    /// Of 32 bits, so that it fits an element.
    function chain(bytes calldata, uint256 element, uint256 step, uint256 state, uint256[] memory)
        internal
        pure
        returns (uint256)
    {
        return uint32(uint256(keccak256(abi.encode(element, step, state))));
    }

    function copy(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return words[0];
    }

    function add(bytes calldata, uint256, uint256, uint256, uint256[] memory words) internal pure returns (uint256) {
        return uint32(words[0] + words[1]);
    }

    function sum(bytes calldata, uint256, uint256, uint256 state, uint256[] memory words) internal pure returns (uint256) {
        return uint32(state + words[0]);
    }
}
