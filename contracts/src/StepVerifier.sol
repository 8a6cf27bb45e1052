// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IStepVerifier} from "./interfaces/IStepVerifier.sol";
import {Descriptor} from "./libraries/Descriptor.sol";
import {Openings} from "./libraries/Openings.sol";
import {Operator, Read, Reads} from "./operators/Operator.sol";
import {Opening, Roots, Step} from "./types/Types.sol";

/// Judges one micro-step; which operators there are is up to who inherits.
abstract contract StepVerifier is IStepVerifier {
    using Descriptor for bytes;

    /// @inheritdoc IStepVerifier
    function judge(bytes calldata descriptor, Roots calldata roots, Step calldata step, Opening[] calldata openings)
        external
        view
        returns (uint64 stepCount, uint64 state)
    {
        Operator memory operator = _operatorOf(descriptor.op());
        stepCount = uint64(operator.steps(descriptor));
        if (stepCount != step.stepCount) return (stepCount, 0);

        Read[] memory reads = operator.reads(descriptor, step.element, step.index);
        require(openings.length == reads.length, WrongOpeningCount(reads.length, openings.length));
        uint256[] memory words = new uint256[](reads.length);
        for (uint256 i = 0; i < reads.length; i++) {
            uint256 element = reads[i].element == Reads.FROM_STATE ? step.state : reads[i].element;
            words[i] = Openings.wordOf(descriptor, roots, reads[i].slot, element, openings[i]);
        }

        state = uint64(operator.apply_(descriptor, step.element, step.index, step.state, words));
    }

    /// Reverts with UnknownOperator for a code that is none.
    function _operatorOf(uint8 code) internal pure virtual returns (Operator memory);
}
