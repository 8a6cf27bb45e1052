// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {StepVerifier} from "../StepVerifier.sol";
import {Operator} from "../operators/Operator.sol";
import {Registry} from "../operators/Registry.sol";

/// Operators with codes 1 to 31.
contract ArithmeticSteps is StepVerifier {
    function _operatorOf(uint8 code) internal pure override returns (Operator memory) {
        return Registry.arithmetic(code);
    }
}
