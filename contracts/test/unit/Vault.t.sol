// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TestToken} from "../../src/TestToken.sol";
import {Vault} from "../../src/Vault.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {World} from "../world/World.sol";

/// A token that keeps one unit of every transfer.
contract GreedyToken is TestToken {
    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0)) super._update(to, address(0xFEE), 1);
    }
}

contract VaultTest is World {
    function test_deposit_creditsTheAccountNamed() public {
        token.mint(address(this), 7);
        token.approve(address(vault), 7);
        vault.deposit(stranger, 7);
        assertEq(vault.balanceOf(stranger), 7, "credited");
        assertConserved();
    }

    function test_deposit_refusesATokenThatTakesAFee() public {
        GreedyToken greedy = new GreedyToken();
        Vault other = newVault(address(greedy), address(1), address(2));
        greedy.mint(address(this), 100);
        greedy.approve(address(other), 100);
        vm.expectRevert(abi.encodeWithSelector(IVault.TokenTookAFee.selector, 100, 99));
        other.deposit(address(this), 100);
    }

    function test_depositWithPermit() public {
        uint256 key = 0xBEEF;
        address owner = vm.addr(key);
        token.mint(owner, 9);
        bytes32 permit = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                owner, address(vault), 9, 0, block.timestamp
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), permit)));
        vm.prank(owner);
        vault.depositWithPermit(owner, 9, block.timestamp, v, r, s);
        assertEq(vault.balanceOf(owner), 9, "deposited");
        assertConserved();
    }

    function test_deposit_refusesATokenThatShrank() public {
        token.mint(address(this), 5);
        token.approve(address(vault), 5);
        uint256 held = token.balanceOf(address(vault));
        vm.prank(address(vault));
        token.transfer(stranger, 1);
        vm.expectRevert(abi.encodeWithSelector(IVault.TokenRebased.selector, held, held - 1));
        vault.deposit(stranger, 5);
    }

    function test_withdraw_paysTheOwner() public {
        vm.prank(submitter);
        vault.withdraw(400 ether);
        assertEq(token.balanceOf(submitter), 400 ether, "paid");
        assertEq(vault.balanceOf(submitter), WEALTH - 400 ether, "debited");
        assertConserved();
    }

    function test_withdraw_refusesMoreThanThereIs() public {
        vm.prank(submitter);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientBalance.selector, submitter, WEALTH + 1, WEALTH));
        vault.withdraw(WEALTH + 1);
    }

    function test_unbonding_takesItsTime() public {
        uint256 before = vault.balanceOf(executor);
        vm.prank(executor);
        vault.startUnbonding(100 ether);
        uint64 free = uint64(block.timestamp) + UNBONDING;
        vm.warp(free - 1);
        vm.prank(executor);
        vm.expectRevert(abi.encodeWithSelector(IVault.StillUnbonding.selector, free));
        vault.withdrawStake();
        vm.warp(free);
        vm.prank(executor);
        vault.withdrawStake();
        assertEq(vault.balanceOf(executor), before + 100 ether, "back in its balance");
        assertEq(vault.stakeOf(executor).amount, STAKE - 100 ether, "the rest stays");
        assertConserved();
    }

    function test_unbonding_startsAgainForAllOfIt() public {
        vm.prank(executor);
        vault.startUnbonding(100 ether);
        vm.warp(block.timestamp + UNBONDING - 1);
        vm.prank(executor);
        vault.startUnbonding(1);
        assertEq(vault.stakeOf(executor).unbondedAt, block.timestamp + UNBONDING, "the delay of the second call");
    }

    function test_unbonding_refusesMoreThanTheStake() public {
        vm.prank(executor);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientStake.selector, executor, STAKE + 1, STAKE));
        vault.startUnbonding(STAKE + 1);
    }

    function test_forfeit_takesAllOfAStake() public {
        vm.prank(executor);
        vault.startUnbonding(400 ether);
        vm.prank(address(disputes));
        assertEq(vault.forfeit(executor, 5_000), STAKE, "in service and leaving");
        assertEq(vault.stakeOf(executor).amount + vault.stakeOf(executor).unbonding, 0, "nothing left");
        assertEq(vault.forfeitedOf(executor).amount, STAKE, "held");
        assertEq(vault.forfeitedOf(executor).forBounties, STAKE / 2, "half of it for bounties");
        vm.prank(address(disputes));
        assertEq(vault.forfeit(executor, 5_000), 0, "nothing more, and no revert");
        assertConserved();
    }

    function test_forfeited_paysAsFarAsItReaches() public {
        address module = address(disputes);
        vm.prank(module);
        vault.forfeit(executor, 1_000);
        vm.prank(module);
        assertEq(vault.payBounty(executor, challenger, STAKE), STAKE / 10, "the bounties' part");
        vm.prank(module);
        assertEq(vault.payBounty(executor, challenger, 1), 0, "and no more");
        vm.prank(module);
        assertEq(vault.payCompensation(executor, submitter, STAKE), STAKE * 9 / 10, "the rest");
        vm.prank(module);
        assertEq(vault.payCompensation(executor, submitter, 1), 0, "and no more");
        assertConserved();
    }

    function test_sweepForfeited_afterTheUnbondingDelay() public {
        vm.prank(address(disputes));
        vault.forfeit(executor, 5_000);
        uint64 free = uint64(block.timestamp) + UNBONDING;
        vm.warp(free - 1);
        vm.expectRevert(abi.encodeWithSelector(IVault.StillUnbonding.selector, free));
        vault.sweepForfeited(executor);
        vm.warp(free);
        vm.prank(stranger);
        vault.sweepForfeited(executor);
        (,,, uint256 escrow, uint256 pool) = vault.totals();
        assertEq(pool, STAKE, "to the pool");
        assertEq(escrow, 1_000 ether, "all of it but the coordinator's float");
        assertConserved();
    }

    function test_modules_moveBetweenBuckets() public {
        address module = address(batches);
        vm.prank(module);
        vault.lockBond(challenger, 10);
        vm.prank(module);
        vault.charge(submitter, 30);
        vm.prank(module);
        vault.pay(executor, 12);
        vm.prank(module);
        vault.fund(8);
        vm.prank(module);
        vault.releaseBond(rival, 4);
        (, uint256 stakes, uint256 bonds, uint256 escrow, uint256 pool) = vault.totals();
        bonds -= 1_000 ether;
        escrow -= 1_000 ether;
        assertEq(stakes, STAKE, "stakes");
        assertEq(bonds, 6, "bonds");
        assertEq(escrow, 10, "escrow");
        assertEq(pool, 8, "pool");
        assertEq(vault.balanceOf(rival), WEALTH + 4, "rival");
        assertConserved();
    }

    /// The coordinator's bond and float, 1,000 each, are there.
    function test_modules_cannotSpendWhatIsNotThere() public {
        vm.prank(address(disputes));
        vm.expectRevert();
        vault.pay(executor, 1_000 ether + 1);
        vm.prank(address(disputes));
        vm.expectRevert();
        vault.releaseBond(executor, 1_000 ether + 1);
        vm.prank(address(disputes));
        vm.expectRevert();
        vault.fund(1_000 ether + 1);
    }

    function test_onlyModules_moveOtherPeoplesMoney() public {
        bytes[12] memory calls = [
            abi.encodeCall(IVault.lockBond, (submitter, 1)),
            abi.encodeCall(IVault.releaseBond, (stranger, 1)),
            abi.encodeCall(IVault.charge, (submitter, 1)),
            abi.encodeCall(IVault.pay, (stranger, 1)),
            abi.encodeCall(IVault.forfeit, (executor, 1)),
            abi.encodeCall(IVault.payBounty, (executor, stranger, 1)),
            abi.encodeCall(IVault.payCompensation, (executor, stranger, 1)),
            abi.encodeCall(IVault.fund, (1)),
            abi.encodeCall(IVault.chargeAll, (new uint256[](0), 1)),
            abi.encodeCall(IVault.payAll, (new uint256[](0), 1)),
            abi.encodeCall(IVault.reward, (stranger, 1)),
            abi.encodeCall(IVault.forfeitBond, (1))
        ];
        for (uint256 i = 0; i < calls.length; i++) {
            vm.prank(stranger);
            (bool done, bytes memory reason) = address(vault).call(calls[i]);
            assertTrue(!done && bytes4(reason) == IVault.NotModule.selector, "refused as not a module");
        }
    }
}
