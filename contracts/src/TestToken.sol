// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// Money of the local network: anyone may make any amount. Worth nothing anywhere.
contract TestToken is ERC20, ERC20Permit {
    constructor() ERC20("Assay Test Token", "TEST") ERC20Permit("Assay Test Token") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
