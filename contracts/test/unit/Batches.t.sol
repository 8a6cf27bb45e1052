// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IBatches} from "../../src/interfaces/IBatches.sol";
import {Batches} from "../../src/Batches.sol";
import {World} from "../world/World.sol";

/// Amounts in units: millionths of the token.
contract BatchesTest is World {
    bytes32 private constant ROOT = keccak256("root");
    uint256 private constant TOKEN = 1e6;
    uint256 private constant UNIT = 1e12;

    function test_commit_thenCollect_splitsTheFees() public {
        uint256 id = _commit(10 * TOKEN, 7 * TOKEN);
        assertEq(id, 1, "ids count from 1");
        assertEq(vault.balanceOf(submitter), WEALTH - 10 ether, "charged");
        assertEq(batches.exposureOf(executor), 24.6 ether, "exposed: insured value, and the executor's fees over 1/2");
        vm.warp(block.timestamp + 40);
        assertEq(batches.exposureOf(executor), 0, "final: no longer exposed");
        vm.prank(stranger);
        batches.collect(_one(executor));
        assertEq(vault.balanceOf(executor), WEALTH - STAKE + 8.8 ether, "88 % of it");
        batches.sweep(coordinator);
        (,,,, uint256 pool) = vault.totals();
        assertEq(pool, 1 ether, "10 %");
        assertEq(vault.balanceOf(treasury), 0.2 ether, "2 %");
        assertConserved();
    }

    function test_collect_cumulative_onceAndOnlyWhatIsFinal() public {
        // WHY counted: via IR the block's timestamp is read once for the whole loop.
        uint256 start = block.timestamp / 20 * 20 + 20;
        for (uint256 i = 0; i < 5; i++) {
            vm.warp(start + 20 * i);
            _commit(TOKEN, 0);
        }
        (uint256 final_, uint256 pending) = batches.feesOf(executor);
        assertEq(final_, 3 * 0.88 ether, "all but the last two epochs'");
        assertEq(pending, 2 * 0.88 ether, "those are not final");
        batches.collect(_one(executor));
        assertEq(vault.balanceOf(executor), WEALTH - STAKE + final_, "one transaction for three batches");
        vm.expectRevert(abi.encodeWithSelector(IBatches.NothingToCollect.selector, executor));
        batches.collect(_one(executor));
        assertConserved();
    }

    /// Not before the challenge window has passed, wherever in an epoch the batch landed.
    function testFuzz_nothingIsFinalWithinTheWindow(uint256 start, uint256 later) public {
        vm.warp(block.timestamp + bound(start, 0, 100));
        _commit(TOKEN, TOKEN);
        vm.warp(block.timestamp + bound(later, 0, 20));
        (uint256 final_,) = batches.feesOf(executor);
        assertEq(final_, 0, "not final");
        assertEq(batches.exposureOf(executor), 2.76 ether, "exposed");
    }

    function test_commit_onlyByWhoPostedTheBond() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IBatches.NotCoordinator.selector, stranger));
        batches.commit(ROOT, 1, new uint256[](0), new uint256[](0));
        vm.prank(submitter);
        batches.join(stranger, uint40(1_000 * TOKEN), 0);
        vm.prank(stranger);
        batches.commit(ROOT, 1, new uint256[](0), new uint256[](0));
        assertConserved();
    }

    function test_bond_leavesOnlyAfterTheDelay() public {
        vm.prank(coordinator);
        batches.startLeaving();
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBatches.NotCoordinator.selector, coordinator));
        batches.commit(ROOT, 1, new uint256[](0), new uint256[](0));
        uint256 free = block.timestamp + 40;
        vm.warp(free - 1);
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBatches.StillBonded.selector, free));
        batches.withdrawBond();
        vm.warp(free);
        vm.prank(coordinator);
        batches.withdrawBond();
        assertEq(vault.balanceOf(coordinator), 1_000 ether, "back");
        assertConserved();
    }

    function test_float_paysUntilSubmittersAreCharged() public {
        _stakeMore();
        uint256[] memory totals = _one(executor, 600 * TOKEN, 0);
        vm.prank(coordinator);
        batches.commit(ROOT, 5, totals, new uint256[](0));
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBatches.UnbalancedBatch.selector, 600 * TOKEN, 400 * TOKEN));
        batches.commit(ROOT, 5, totals, new uint256[](0));
        vm.prank(coordinator);
        batches.commit(ROOT, 5, totals, _one(submitter, 0, 900 * TOKEN));
        assertEq(batches.coordinatorOf(coordinator).float, 700 * TOKEN, "refilled");
        vm.prank(coordinator);
        batches.takeFloat(uint40(700 * TOKEN));
        assertEq(vault.balanceOf(coordinator), 700 ether, "its own again");
        assertConserved();
    }

    function test_commit_chargesNoMoreThanTheBondRefunds() public {
        uint256[] memory totals = _one(executor, TOKEN, 0);
        uint256[] memory charges = _one(submitter, 0, 251 * TOKEN);
        vm.prank(coordinator);
        batches.commit(ROOT, 5, totals, charges);
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBatches.BondTooLow.selector, 502 * TOKEN, 500 * TOKEN));
        batches.commit(ROOT, 5, totals, charges);
        vm.warp(block.timestamp + 40);
        vm.prank(coordinator);
        batches.commit(ROOT, 5, totals, charges);
    }

    /// p = 1/2, half of the stake for bounties: exposure up to half of the stake, over all claims that are not final.
    function test_commit_keepsTheExposureRule() public {
        _commit(0, 249 * TOKEN);
        uint256[] memory totals = _one(executor, 0, 2 * TOKEN);
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBatches.StakeTooLow.selector, executor, 251 * TOKEN, 250 * TOKEN));
        batches.commit(ROOT, 5, totals, new uint256[](0));
        vm.warp(block.timestamp + 40);
        _commit(0, 2 * TOKEN);
    }

    /// A job that insures nothing is exposed by the work a liar saves: at most its fee.
    function test_exposure_countsFees() public {
        _commit(142 * TOKEN, 0);
        assertEq(batches.exposureOf(executor), 249.92 ether, "88 % of the fees over 1/2");
        uint256[] memory totals = _one(executor, TOKEN, 0);
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBatches.StakeTooLow.selector, executor, 251_680_000, 250 * TOKEN));
        batches.commit(ROOT, 5, totals, new uint256[](0));
    }

    function test_exposure_followsTheStake() public {
        vm.prank(executor);
        vault.startUnbonding(STAKE);
        uint256[] memory totals = _one(executor, 0, 1);
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBatches.StakeTooLow.selector, executor, 1, 0));
        batches.commit(ROOT, 5, totals, new uint256[](0));
    }

    /// limit · q ≤ stake · (1 − bounties' share) · p, and not a unit lower; q = max(p, 1 − p).
    function testFuzz_exposureLimit_isLostStakeTimesOdds(uint128 stake, uint40 rate) public {
        rate = uint40(bound(rate, 42_949_673, 1 << 32));
        batches.setTerms(IBatches.Terms(20, 1, rate, 0, 0, 1));
        uint256 limit = batches.exposureLimit(stake);
        uint256 weight = rate > 1 << 31 ? uint256(rate) : (1 << 32) - uint256(rate);
        assertTrue(limit * weight * 2 <= uint256(stake) * rate, "not above");
        assertTrue((limit + 1) * weight * 2 > uint256(stake) * rate, "and not a unit below");
        assertTrue(limit <= stake / 2, "never more than is left to compensate with");
    }

    function test_terms_withinHardBounds() public {
        IBatches.Terms[9] memory bad = [
            IBatches.Terms(0, 1, 1 << 31, 0, 0, 1),
            IBatches.Terms(21, 1, 1 << 31, 0, 0, 1),
            IBatches.Terms(20, 0, 1 << 31, 0, 0, 1),
            IBatches.Terms(20, 65, 1 << 31, 0, 0, 1),
            IBatches.Terms(20, 1, 42_949_671, 0, 0, 1),
            IBatches.Terms(20, 1, (1 << 32) + 1, 0, 0, 1),
            IBatches.Terms(20, 1, 1 << 31, 5_000, 1, 1),
            IBatches.Terms(20, 1, 1 << 31, 1, 5_000, 1),
            IBatches.Terms(20, 1, 1 << 31, 0, 0, 0)
        ];
        for (uint256 i = 0; i < bad.length; i++) {
            vm.expectRevert(IBatches.BadTerms.selector);
            batches.setTerms(bad[i]);
        }
    }

    function test_terms_doNotReachBatchesCommittedBefore() public {
        uint256 id = _commit(TOKEN, 0);
        bytes32 before = batches.batchHash(id);
        batches.setTerms(IBatches.Terms(10, 9, 1 << 30, 5_000, 0, 1));
        assertEq(batches.batchHash(id), before, "same batch, same terms");
        (, uint256 pending) = batches.feesOf(executor);
        assertEq(pending, 0.88 ether, "same share");
    }

    function test_admin_onlyThroughTheAuthority() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger));
        batches.setPaused(true);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger));
        batches.setTerms(IBatches.Terms(20, 1, 1 << 31, 0, 0, 1));
    }

    function test_pause_stopsNewBatchesOnly() public {
        _commit(TOKEN, 0);
        batches.setPaused(true);
        vm.prank(coordinator);
        vm.expectRevert(IBatches.Paused.selector);
        batches.commit(ROOT, 1, new uint256[](0), new uint256[](0));
        vm.warp(block.timestamp + 40);
        batches.collect(_one(executor));
        batches.sweep(coordinator);
        vm.prank(submitter);
        vault.withdraw(1 ether);
        assertConserved();
    }

    function test_seize_onlyByModules() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IBatches.OnlyModule.selector, stranger));
        batches.seize(coordinator, 1);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IBatches.OnlyModule.selector, stranger));
        batches.noteStake(stranger, 1);
    }

    /// Enough for large fees, of the executor and of the coordinator.
    function _stakeMore() private {
        endow(submitter, 5 * WEALTH);
        vm.prank(submitter);
        batches.join(coordinator, uint40(4_000 * TOKEN), 0);
        endow(executor, 5 * WEALTH);
        vm.prank(executor);
        vault.stake(5 * WEALTH);
    }

    function _commit(uint256 fees, uint256 insured) private returns (uint256) {
        vm.prank(coordinator);
        return batches.commit(ROOT, 5, _one(executor, fees, insured), fees > 0 ? _one(submitter, 0, fees) : new uint256[](0));
    }

    function _one(address account, uint256 high, uint256 low) private pure returns (uint256[] memory words) {
        words = new uint256[](1);
        words[0] = uint256(uint160(account)) << 96 | high << 48 | low;
    }

    function _one(address account) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = account;
    }
}
