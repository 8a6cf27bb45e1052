// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBatches} from "../../src/interfaces/IBatches.sol";
import {Game, Request} from "../../src/types/Types.sol";
import {Table} from "../world/Table.sol";
import {ToyTrace} from "../world/ToyTrace.sol";
import {Test} from "../world/Vm.sol";

/// Everybody does anything in any order: money moves, batches, disputes that one side or the other lets expire.
contract Crowd is Table {
    Game[] private open_;
    uint256 private made;
    uint256 public slashes;

    constructor() {
        setUp();
    }

    function people() public view returns (address[5] memory) {
        return [executor, challenger, rival, submitter, stranger];
    }

    function vaultOf() external view returns (address, address) {
        return (address(vault), address(token));
    }

    function passTime(uint256 seconds_) external {
        vm.warp(block.timestamp + bound(seconds_, 0, 200));
    }

    function deposit(uint256 who, uint256 amount) external {
        amount = bound(amount, 0, 1e24);
        token.mint(address(this), amount);
        token.approve(address(vault), amount);
        vault.deposit(people()[who % 5], amount);
    }

    function withdraw(uint256 who, uint256 amount) external {
        address account = people()[who % 5];
        vm.prank(account);
        vault.withdraw(bound(amount, 0, vault.balanceOf(account)));
    }

    function stake(uint256 who, uint256 amount) external {
        address account = people()[who % 5];
        vm.prank(account);
        vault.stake(uint128(bound(amount, 0, vault.balanceOf(account))));
    }

    function startUnbonding(uint256 who, uint256 amount) external {
        address account = people()[who % 5];
        vm.prank(account);
        vault.startUnbonding(uint128(bound(amount, 0, vault.stakeOf(account).amount)));
    }

    function withdrawStake(uint256 who) external {
        vm.prank(people()[who % 5]);
        vault.withdrawStake();
    }

    function commit(uint256 fee, uint256 insured) external {
        IBatches.ExecutorTotal[] memory totals = new IBatches.ExecutorTotal[](1);
        IBatches.Charge[] memory charges = new IBatches.Charge[](1);
        uint128 amount = uint128(bound(fee, 0, vault.balanceOf(submitter)));
        totals[0] = IBatches.ExecutorTotal(executor, amount, uint128(bound(insured, 0, 10 ether)));
        charges[0] = IBatches.Charge(submitter, amount);
        vm.prank(coordinator);
        batches.commit(keccak256("batch"), 1, totals, charges);
    }

    function collect(uint256 batchId) external {
        batches.collect(bound(batchId, 1, batches.batchCount() + 1), executor);
    }

    /// A new claim, or the last one again by another challenger.
    function challenge(uint256 who, bool again) external {
        ToyTrace.Run memory r = honest(small());
        if (!again) r.outputRoot = keccak256(abi.encode(made++));
        open(r, people()[who % 5]);
        open_.push(game);
    }

    function letExpire(uint256 which) external {
        game = open_[which % open_.length];
        vm.warp(block.timestamp + 121);
        expire();
        open_[which % open_.length] = game;
    }

    function settleOne(uint256 which, bool withRequest) external {
        game = open_[which % open_.length];
        ToyTrace.Run memory r = honest(small());
        claimed(r);
        for (uint256 i = 0; i <= made; i++) {
            claim.outputRoot = i == made ? r.outputRoot : keccak256(abi.encode(i));
            if (disputes.claimDigest(claim) == game.claim) break;
        }
        Request memory unknown;
        if (!disputes.overturned(game.claim)) slashes++;
        disputes.settle(game, claim, withRequest ? request : unknown);
    }
}

contract MoneyTest is Test {
    Crowd private crowd;

    function setUp() public {
        crowd = Crowd(create("Money.t.sol:Crowd", ""));
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(crowd);
    }

    /// balances + stakes + bonds + escrow + pool = tokens held, and the sums are the sums of the accounts.
    function invariant_moneyIsConserved() external view {
        (address vault_, address token_) = crowd.vaultOf();
        (uint256 balances, uint256 stakes, uint256 bonds, uint256 escrow, uint256 pool) = VaultLike(vault_).totals();
        assertEq(balances + stakes + bonds + escrow + pool, TokenLike(token_).balanceOf(vault_), "conserved");

        uint256 sum;
        uint256 staked;
        for (uint256 i = 0; i < 5; i++) {
            address who = crowd.people()[i];
            sum += VaultLike(vault_).balanceOf(who);
            (uint128 amount, uint128 unbonding,) = VaultLike(vault_).stakeOf(who);
            staked += uint256(amount) + unbonding;
        }
        assertEq(sum, balances, "balances");
        assertEq(staked, stakes, "stakes");
    }
}

interface VaultLike {
    function totals() external view returns (uint256, uint256, uint256, uint256, uint256);
    function balanceOf(address) external view returns (uint256);
    function stakeOf(address) external view returns (uint128, uint128, uint64);
}

interface TokenLike {
    function balanceOf(address) external view returns (uint256);
}
