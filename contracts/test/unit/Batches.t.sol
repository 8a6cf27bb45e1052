// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Batches} from "../../src/Batches.sol";
import {IBatches} from "../../src/interfaces/IBatches.sol";
import {World} from "../world/World.sol";

contract BatchesTest is World {
    bytes32 private constant ROOT = keccak256("root");

    function test_commit_thenCollect() public {
        uint256 id = _commit(3 ether, 10 ether);
        assertEq(id, 1, "ids count from 1");
        IBatches.Batch memory stored = batches.batch(id);
        assertEq(stored.root, ROOT, "root");
        assertEq(stored.coordinator, coordinator, "coordinator");
        assertEq(stored.count, 5, "count");
        assertEq(stored.committedBlock, block.number, "block");
        assertEq(stored.committedAt, block.timestamp, "time");
        assertEq(vault.balanceOf(submitter), WEALTH - 3 ether, "charged");
        assertEq(batches.exposureOf(executor), 10 ether, "exposed");

        vm.warp(block.timestamp + 20);
        vm.prank(stranger);
        batches.collect(id, executor);
        assertEq(vault.balanceOf(executor), WEALTH - STAKE + 3 ether, "paid to the executor");
        assertEq(batches.exposureOf(executor), 0, "no longer exposed");
        assertConserved();
    }

    function test_collect_onlyOnceAndOnlyWhenFinal() public {
        uint256 id = _commit(3 ether, 0);
        uint64 finalAt = uint64(block.timestamp) + 20;
        vm.warp(finalAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IBatches.NotFinal.selector, id, finalAt));
        batches.collect(id, executor);
        vm.warp(finalAt);
        batches.collect(id, executor);
        vm.expectRevert(abi.encodeWithSelector(IBatches.NothingToCollect.selector, executor, id));
        batches.collect(id, executor);
    }

    function test_collect_nothingFromABatchThatIsNot() public {
        vm.expectRevert(abi.encodeWithSelector(IBatches.NothingToCollect.selector, executor, 9));
        batches.collect(9, executor);
    }

    function test_commit_onlyByCoordinators() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IBatches.NotCoordinator.selector, stranger));
        batches.commit(ROOT, 1, new IBatches.ExecutorTotal[](0), new IBatches.Charge[](0));

        batches.setCoordinator(coordinator, false);
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBatches.NotCoordinator.selector, coordinator));
        batches.commit(ROOT, 1, new IBatches.ExecutorTotal[](0), new IBatches.Charge[](0));
    }

    function test_setCoordinator_onlyByTheOwner() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        batches.setCoordinator(stranger, true);
    }

    function test_commit_refusesAnEmptyBatch() public {
        vm.prank(coordinator);
        vm.expectRevert(IBatches.EmptyBatch.selector);
        batches.commit(ROOT, 0, new IBatches.ExecutorTotal[](0), new IBatches.Charge[](0));
    }

    function test_commit_refusesFeesThatNobodyPays() public {
        (IBatches.ExecutorTotal[] memory totals, IBatches.Charge[] memory charges) = _lists(3 ether, 0);
        charges[0].amount = 2 ether;
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBatches.UnbalancedBatch.selector, 3 ether, 2 ether));
        batches.commit(ROOT, 5, totals, charges);
    }

    function test_commit_refusesAnExecutorTwice() public {
        (IBatches.ExecutorTotal[] memory once, IBatches.Charge[] memory charges) = _lists(1 ether, 0);
        IBatches.ExecutorTotal[] memory twice = new IBatches.ExecutorTotal[](2);
        (twice[0], twice[1]) = (once[0], once[0]);
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBatches.BadTotal.selector, executor));
        batches.commit(ROOT, 5, twice, charges);
    }

    /// p = 1/2: exposure up to the stake, over all batches not yet collected.
    function test_commit_keepsTheExposureRule() public {
        uint256 first = _commit(0, STAKE - 1);
        (IBatches.ExecutorTotal[] memory totals, IBatches.Charge[] memory charges) = _lists(0, 2);
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBatches.StakeTooLow.selector, executor, uint256(STAKE) + 1, STAKE));
        batches.commit(ROOT, 5, totals, charges);

        vm.warp(block.timestamp + 20);
        batches.collect(first, executor);
        _commit(0, 2);
    }

    function test_exposure_doesNotCountUnbondingStake() public {
        vm.prank(executor);
        vault.startUnbonding(STAKE);
        (IBatches.ExecutorTotal[] memory totals, IBatches.Charge[] memory charges) = _lists(0, 1);
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBatches.StakeTooLow.selector, executor, 1, 0));
        batches.commit(ROOT, 5, totals, charges);
    }

    function testFuzz_exposureLimit_isStakeTimesOdds(uint128 stake, uint32 rate) public {
        vm.assume(rate > 0);
        Batches other = newBatches(IBatches.Parameters(20, 1, rate));
        uint256 limit = other.exposureLimit(stake);
        uint256 rest = (1 << 32) - uint256(rate);
        assertTrue(limit * rest <= uint256(stake) * rate, "not above");
        assertTrue((limit + 1) * rest > uint256(stake) * rate, "and not a unit below");
    }

    function test_exposureLimit_noneIfEverythingIsChecked() public {
        Batches other = newBatches(IBatches.Parameters(20, 1, 1 << 32));
        assertEq(other.exposureLimit(1), type(uint256).max, "no cheating pays");
    }

    function test_parameters_withinBounds() public {
        IBatches.Parameters[4] memory bad = [
            IBatches.Parameters(20, 0, 1),
            IBatches.Parameters(20, 1, 0),
            IBatches.Parameters(20, 1, (1 << 32) + 1),
            IBatches.Parameters(1 << 32, 1, 1)
        ];
        for (uint256 i = 0; i < bad.length; i++) {
            vm.expectRevert(IBatches.BadParameters.selector);
            newBatches(bad[i]);
        }
    }

    function test_includes_itsLeavesOnly() public {
        bytes32 digest = keccak256("claim");
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(digest))));
        bytes32 other = keccak256("other leaf");
        bytes32 root = leaf < other ? keccak256(abi.encode(leaf, other)) : keccak256(abi.encode(other, leaf));
        vm.prank(coordinator);
        uint256 id = batches.commit(root, 2, new IBatches.ExecutorTotal[](0), new IBatches.Charge[](0));
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = other;
        assertTrue(batches.includes(id, digest, proof), "its leaf");
        assertTrue(!batches.includes(id, keccak256("another"), proof), "not another");
        assertTrue(!batches.includes(id + 1, digest, proof), "not of another batch");
        assertTrue(!batches.includes(0, digest, proof), "nor of none");
    }

    function _commit(uint128 fees, uint128 insured) private returns (uint256) {
        (IBatches.ExecutorTotal[] memory totals, IBatches.Charge[] memory charges) = _lists(fees, insured);
        vm.prank(coordinator);
        return batches.commit(ROOT, 5, totals, charges);
    }

    function _lists(uint128 fees, uint128 insured)
        private
        view
        returns (IBatches.ExecutorTotal[] memory totals, IBatches.Charge[] memory charges)
    {
        totals = new IBatches.ExecutorTotal[](1);
        totals[0] = IBatches.ExecutorTotal(executor, fees, insured);
        charges = new IBatches.Charge[](1);
        charges[0] = IBatches.Charge(submitter, fees);
    }
}
