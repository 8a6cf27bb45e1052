// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IStepVerifier} from "./interfaces/IStepVerifier.sol";
import {Descriptor} from "./libraries/Descriptor.sol";
import {Opening, Roots, Step} from "./types/Types.sol";

/// The canonical operators, in contracts of 32 codes each: together they are larger than one contract may be (EIP-170).
contract Steps is IStepVerifier {
    using Descriptor for bytes;

    /// Codes 1 to 31.
    IStepVerifier public immutable ARITHMETIC;
    /// Codes 32 to 63.
    IStepVerifier public immutable REDUCTIONS;
    /// Codes 64 to 95.
    IStepVerifier public immutable MOVEMENTS;

    constructor(IStepVerifier arithmetic, IStepVerifier reductions, IStepVerifier movements) {
        ARITHMETIC = arithmetic;
        REDUCTIONS = reductions;
        MOVEMENTS = movements;
    }

    /// @inheritdoc IStepVerifier
    function judge(bytes calldata descriptor, Roots calldata, Step calldata, Opening[] calldata)
        external
        view
        returns (uint64, uint64)
    {
        address family = address(_familyOf(descriptor.op()));

        // WHY: the answer of the family, or its error, is the answer; nothing needs decoding on the way.
        assembly {
            calldatacopy(0, 0, calldatasize())
            let succeeded := staticcall(gas(), family, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if succeeded { return(0, returndatasize()) }
            revert(0, returndatasize())
        }
    }

    function _familyOf(uint8 code) private view returns (IStepVerifier) {
        if (code < 32) return ARITHMETIC;
        if (code < 64) return REDUCTIONS;
        if (code < 96) return MOVEMENTS;
        revert UnknownOperator(code);
    }
}
