// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Canaries} from "../../src/Canaries.sol";
import {Batches} from "../../src/Batches.sol";
import {Beacons} from "../../src/Beacons.sol";
import {Charges} from "../../src/Charges.sol";
import {Checks} from "../../src/Checks.sol";
import {Requests} from "../../src/Requests.sol";
import {Disputes} from "../../src/Disputes.sol";
import {TestToken} from "../../src/TestToken.sol";
import {Vault} from "../../src/Vault.sol";
import {IBatches} from "../../src/interfaces/IBatches.sol";
import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {IStepVerifier} from "../../src/interfaces/IStepVerifier.sol";
import {Test} from "./Vm.sol";

/// A deployed network and its people, each with money.
abstract contract World is Test {
    uint256 internal constant EXECUTOR_KEY = 0xE0EC;
    uint128 internal constant WEALTH = 1_000 ether;
    uint128 internal constant STAKE = 500 ether;
    uint64 internal constant UNBONDING = 600;

    TestToken internal token;
    Vault internal vault;
    Batches internal batches;
    Disputes internal disputes;
    Charges internal charges;
    Requests internal requests;
    Beacons internal beacons;
    Checks internal checks;
    Canaries internal canaries;
    address internal authority;
    address internal chargesAt;
    address internal requestsAt;
    address internal checksAt;
    address internal canariesAt;
    address internal treasury = address(0x7EA5);
    IStepVerifier internal steps;

    address internal executor = vm.addr(EXECUTOR_KEY);
    address internal challenger = address(0xC4A1);
    address internal rival = address(0xC4A2);
    address internal submitter = address(0x5B01);
    address internal coordinator = address(0xC001);
    address internal guardian = address(0x60A2);
    address internal stranger = address(0x57A6);

    function setUp() public virtual {
        found();
    }

    function found() internal {
        vm.warp(1_700_000_000);
        vm.roll(100);
        deploy();
        endow(executor);
        endow(challenger);
        endow(rival);
        endow(submitter);
        vm.prank(executor);
        vault.stake(STAKE);
        token.mint(address(this), 2 * WEALTH);
        token.approve(address(vault), 2 * WEALTH);
        vault.deposit(address(this), 2 * WEALTH);
        batches.join(coordinator, 1_000e6, 1_000e6);
    }

    function deploy() internal {
        token = TestToken(deploy("TestToken", ""));
        steps = IStepVerifier(deploy("ToyStep", ""));
        uint64 nonce = vm.getNonce(address(this));
        authority = deploy("Authority", abi.encode(address(this)));
        address batchesAt = vm.computeCreateAddress(address(this), nonce + 2);
        address disputesAt = vm.computeCreateAddress(address(this), nonce + 3);
        chargesAt = vm.computeCreateAddress(address(this), nonce + 4);
        requestsAt = vm.computeCreateAddress(address(this), nonce + 5);
        checksAt = vm.computeCreateAddress(address(this), nonce + 7);
        canariesAt = vm.computeCreateAddress(address(this), nonce + 8);
        vault = newVault(address(token), batchesAt, disputesAt);
        batches = newBatches(IBatches.Terms(20, 1, 1 << 31, 1_000, 200, 1_000e6));
        disputes = newDisputes(parameters());
        charges = Charges(deploy("Charges", abi.encode(vault, batches, disputes, 5 ether, 10, 10)));
        requests = Requests(deploy("Requests", abi.encode(vault, batches, disputes, 5 ether, 10)));
        beacons = Beacons(deploy("Beacons", abi.encode(batches)));
        checks = Checks(deploy("Checks", abi.encode(Checks.Setting(vault, batches, disputes, beacons, 100 ether, 2, 1_000))));
        canaries = Canaries(deploy("Canaries", abi.encode(Canaries.Setting(vault, batches, disputes, checks, requests, 2 ether, 5 ether, 100, 20))));
        assertEq(address(canaries), canariesAt, "canaries where the vault expects them");
        assertEq(address(checks), checksAt, "checks where the vault expects them");
        assertEq(address(charges), chargesAt, "charges where the vault expects them");
        assertEq(address(batches), batchesAt, "batches where the vault expects them");
        assertEq(address(disputes), disputesAt, "disputes where the vault expects them");
    }

    function newVault(address token_, address batches_, address disputes_) internal returns (Vault) {
        return Vault(deploy("Vault", abi.encode(token_, UNBONDING, Vault.Modules(batches_, disputes_, chargesAt, requestsAt, checksAt, canariesAt))));
    }

    function newBatches(IBatches.Terms memory terms) internal returns (Batches) {
        Batches.Setting memory s =
            Batches.Setting(authority, vault, token, treasury, chargesAt, requestsAt, 20, 40, 5_000, terms);
        return Batches(deploy("Batches", abi.encode(s)));
    }

    function newDisputes(IDisputes.Parameters memory p) internal returns (Disputes) {
        return Disputes(deploy("Disputes", abi.encode(vault, batches, steps, IDisputes.Players(guardian, checksAt, canariesAt), p)));
    }

    function parameters() internal pure returns (IDisputes.Parameters memory) {
        return IDisputes.Parameters({
            bond: 5 ether,
            penalty: 20 ether,
            bountyBps: 5_000,
            clock: 120,
            extension: 60,
            payoutDelay: 2,
            pauseLimit: 60
        });
    }

    function endow(address account) internal {
        endow(account, WEALTH);
    }

    function endow(address account, uint256 amount) internal {
        token.mint(address(this), amount);
        token.approve(address(vault), amount);
        vault.deposit(account, amount);
    }

    function assertConserved() internal view {
        (uint256 balances, uint256 stakes, uint256 bonds, uint256 escrow, uint256 pool) = vault.totals();
        assertEq(balances + stakes + bonds + escrow + pool, token.balanceOf(address(vault)), "money is conserved");
    }
}
