// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Shapes} from "../libraries/Shapes.sol";

/// Stacks of matrices: the last two axes of a shape, and the axes before them, which broadcast.
library Matrices {
    /// Where an element of a stack of matrices stands.
    struct Place {
        uint256 matrix;
        uint256 row;
        uint256 column;
        uint256 rows;
        uint256 columns;
    }

    function placeOf(bytes32 output, uint256 element) internal pure returns (Place memory place) {
        unchecked {
            uint256 rank = Shapes.rank(output);
            place.columns = Shapes.size(output, rank - 1);
            place.rows = Shapes.size(output, rank - 2);
            place.column = element % place.columns;
            place.row = (element / place.columns) % place.rows;
            place.matrix = element / (place.rows * place.columns);
        }
    }

    /// Number of the matrix in `from` that broadcasting reads for matrix number `index` of `to`.
    function stackIndex(uint256 index, bytes32 to, bytes32 from) internal pure returns (uint256) {
        return Shapes.broadcastIndex(index, to, from, 2);
    }
}
