// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// Who may set parameters and pause, and after what delay: OpenZeppelin's AccessManager.
contract Authority is AccessManager {
    constructor(address admin) AccessManager(admin) {}
}
