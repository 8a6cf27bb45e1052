// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Makes many calls of one contract in one, each with what it cost, for tests.
contract StepMeter {
    struct Measured {
        bool succeeded;
        bytes returned;
        uint256 gasUsed;
    }

    function run(address target, bytes[] calldata calls) external view returns (Measured[] memory measured) {
        measured = new Measured[](calls.length);
        for (uint256 i = 0; i < calls.length; i++) {
            bytes memory data = calls[i];
            uint256 before = gasleft();
            (bool succeeded, bytes memory returned) = target.staticcall(data);
            measured[i] = Measured(succeeded, returned, before - gasleft());
        }
    }
}
