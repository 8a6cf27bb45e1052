// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Opening, Roots, Step} from "../types/Types.sol";

/// Executes one micro-step of one operator on opened operands.
interface IStepVerifier {
    /// The opened operand does not lead to its root.
    error OperandNotProven(uint256 slot);
    /// Number of openings differs from the number of operands the micro-step reads.
    error WrongOpeningCount(uint256 expected, uint256 given);
    /// The operator code is not in the registry.
    error UnknownOperator(uint8 op);

    /// @param descriptor encoded descriptor, already opened against the graph root by the caller
    /// @param roots what operands are opened against
    /// @param step the micro-step on trial
    /// @param openings one per operand the micro-step reads, in the operator's order
    /// @return stepCount micro-steps per element by the operator's rule; if it differs from step.stepCount the
    ///         declared count was a fault, nothing else is looked at and state is 0
    /// @return state the state after the micro-step
    function judge(bytes calldata descriptor, Roots calldata roots, Step calldata step, Opening[] calldata openings)
        external
        view
        returns (uint64 stepCount, uint64 state);
}
