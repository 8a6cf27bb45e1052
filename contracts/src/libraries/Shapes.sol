// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Shapes as tensor headers hold them, and row-major indices (twin of libs/core/numerics/shapes.ts).
/// Sizes are below 2^32 and ranks below 8, so no product overflows.
library Shapes {
    function rank(bytes32 header) internal pure returns (uint256) {
        return uint8(uint256(header) >> 240);
    }

    /// Size along an axis. INVARIANT: axis < 7.
    function size(bytes32 header, uint256 axis) internal pure returns (uint256) {
        unchecked {
            return uint32(uint256(header) >> (208 - 32 * axis));
        }
    }

    /// Number of elements.
    function count(bytes32 header) internal pure returns (uint256 elements) {
        unchecked {
            elements = 1;
            for (uint256 axis = 0; axis < rank(header); axis++) {
                elements *= size(header, axis);
            }
        }
    }

    /// Number of elements per step along an axis.
    function stride(bytes32 header, uint256 axis) internal pure returns (uint256 elements) {
        unchecked {
            elements = 1;
            for (uint256 inner = axis + 1; inner < rank(header); inner++) {
                elements *= size(header, inner);
            }
        }
    }

    /// Index in `from` that numpy-style broadcasting reads for an index of `to`.
    function broadcastIndex(uint256 index, bytes32 to, bytes32 from) internal pure returns (uint256) {
        return broadcastIndex(index, to, from, 0);
    }

    /// The same of both shapes without their last `inner` axes.
    function broadcastIndex(uint256 index, bytes32 to, bytes32 from, uint256 inner) internal pure returns (uint256 source) {
        unchecked {
            uint256 elements = 1;
            uint256 axisTo = rank(to) - inner;
            for (uint256 axis = rank(from) - inner; axis > 0; axis--) {
                uint256 sizeTo = size(to, --axisTo);
                uint256 sizeFrom = size(from, axis - 1);
                if (sizeFrom != 1) source += (index % sizeTo) * elements;
                elements *= sizeFrom;
                index /= sizeTo;
            }
        }
    }
}
