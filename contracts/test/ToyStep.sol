// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IStepVerifier} from "../src/interfaces/IStepVerifier.sol";
import {Opening, Roots, Step} from "../src/types/Types.sol";

/// Toy twin of the step verifier: operator 0x70 takes as many micro-steps as its only attribute says; each maps a state
/// to a hash of it, the element and the step. It reads no operands, so it must be given none.
contract ToyStep is IStepVerifier {
    uint8 public constant CODE = 0x70;

    function judge(bytes calldata descriptor, Roots calldata, Step calldata step, Opening[] calldata openings)
        external
        pure
        returns (uint64 stepCount, uint64 state)
    {
        require(uint8(descriptor[0]) == CODE, UnknownOperator(uint8(descriptor[0])));
        stepCount = uint64(bytes8(descriptor[64:72]));
        if (stepCount != step.stepCount) return (stepCount, 0);
        require(openings.length == 0, WrongOpeningCount(0, openings.length));
        state = next(step.element, step.index, step.state);
    }

    /// Float-like: the last state must fit an element of 32 bits.
    function next(uint64 element, uint64 index, uint64 state) public pure returns (uint64) {
        return uint32(uint256(keccak256(abi.encode(element, index, state))));
    }
}
