// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Shapes} from "../libraries/Shapes.sol";

/// A window sliding over height and width of an N×C×H×W tensor (libs/core/numerics/window.ts).
library Window {
    /// Along one axis: stride, padding before, dilation.
    struct Axis {
        uint256 stride;
        uint256 pad;
        uint256 dilation;
    }

    /// Coordinates of an output element.
    function outputAt(bytes32 output, uint256 element)
        internal
        pure
        returns (uint256 image, uint256 channel, uint256 y, uint256 x)
    {
        unchecked {
            uint256 width = Shapes.size(output, 3);
            uint256 height = Shapes.size(output, 2);
            uint256 channels = Shapes.size(output, 1);
            x = element % width;
            element /= width;
            y = element % height;
            element /= height;
            (image, channel) = (element / channels, element % channels);
        }
    }

    /// Place on the input that tap `k` reads at place `output`; false in the padding.
    function place(Axis memory axis, uint256 output, uint256 k, uint256 size) internal pure returns (bool inside, uint256) {
        unchecked {
            uint256 padded = output * axis.stride + k * axis.dilation;
            uint256 index = padded - axis.pad;
            return (padded >= axis.pad && index < size, index);
        }
    }
}
