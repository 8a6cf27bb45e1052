// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Descriptor} from "../libraries/Descriptor.sol";
import {Shapes} from "../libraries/Shapes.sol";
import {Read, Reads} from "./Operator.sol";
import {Reduction} from "./Reduction.sol";

/// MatMul (libs/core/numerics/operators/matmul.ts): …×M×K times K×N. Attribute: block.
library MatrixProduct {
    using Descriptor for bytes;

    function steps(bytes calldata d) internal pure returns (uint256) {
        return Reduction.stepsOf(_length(d), d.attribute(0));
    }

    function reads(bytes calldata d, uint256 element, uint256 step) internal pure returns (Read[] memory) {
        unchecked {
            (Reduction.Stage stage, uint256 k) = Reduction.stageAt(_length(d), d.attribute(0), step);
            if (stage != Reduction.Stage.Product) return Reads.none();
            uint256 columns = Shapes.size(d.operandHeader(1), 1);
            return Reads.pair((element / columns) * _length(d) + k, k * columns + element % columns);
        }
    }

    function apply_(bytes calldata d, uint256, uint256 step, uint256 state, uint256[] memory words)
        internal
        pure
        returns (uint256)
    {
        (Reduction.Stage stage, uint256 position) = Reduction.stageAt(_length(d), d.attribute(0), step);
        if (stage == Reduction.Stage.Product) return Reduction.multiplyInto(state, uint32(words[0]), uint32(words[1]));
        return stage == Reduction.Stage.Fold ? Reduction.foldInto(state, position) : state;
    }

    function _length(bytes calldata d) private pure returns (uint256) {
        return Shapes.size(d.operandHeader(1), 0);
    }
}
