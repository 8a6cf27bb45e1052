// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {Claim, Game, Model, Request} from "../../src/types/Types.sol";
import {Table} from "../world/Table.sol";
import {ToyTrace} from "../world/ToyTrace.sol";

/// What a verdict costs whom.
contract SettlementTest is Table {
    function test_settle_waitsForThePayoutDelay() public {
        _convict(challenger);
        uint64 payableAt = game.movedAt + 2;
        vm.warp(payableAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.PayoutPending.selector, payableAt));
        disputes.settle(words(game));
    }

    function test_settle_onlyEndedGames() public {
        open(honest(small()), challenger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongPhase.selector, 1));
        disputes.settle(words(game));
    }

    function test_settle_once() public {
        _convict(challenger);
        settle();
        vm.expectRevert(IDisputes.AlreadySettled.selector);
        disputes.settle(words(game));
    }

    /// Nobody can win the claim's game again, nor the same game a second time.
    function test_settle_aSettledGameStaysSettled() public {
        bytes32 id = _convict(challenger);
        settle();
        assertEq(disputes.stateOf(id), bytes32(uint256(1)), "settled for ever");
        bytes memory signature = signed(claim);
        Model memory model = ToyTrace.model(shape);
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.GameExists.selector, id));
        disputes.open(claim, signature, model);
    }

    /// Two challengers win against one claim: one bounty, and both get their bond, whichever is settled first.
    function test_settle_oneBountyForAClaim() public {
        for (uint256 order = 0; order < 2; order++) {
            uint256 before = vm.snapshotState();
            _convict(challenger);
            Game memory first = game;
            _convict(rival);
            Game memory second = game;
            vm.warp(block.timestamp + 2);
            disputes.settle(words(order == 0 ? first : second));
            disputes.settle(words(order == 0 ? second : first));

            (address early, address late) = order == 0 ? (challenger, rival) : (rival, challenger);
            assertEq(vault.balanceOf(early), WEALTH + 10 ether, "the first settled has the bounty");
            assertEq(vault.balanceOf(late), WEALTH + 5 ether, "the other its bond and what its game cost");
            assertEq(vault.forfeitedOf(executor).amount, STAKE - 15 ether, "one bounty, and a bond for the second game");
            assertConserved();
            vm.revertToState(before);
        }
    }

    /// A liar whose own straw man is settled first gets a bounty at most, and whoever checked is paid all the same.
    function test_settle_aStrawManTakesNothingFromWhoChecks() public {
        _convict(rival);
        Game memory straw = game;
        _convict(challenger);
        vm.warp(block.timestamp + 2);
        disputes.settle(words(straw));
        disputes.settle(words(game));
        assertEq(vault.balanceOf(challenger), WEALTH + 5 ether, "its cost is covered");
        assertEq(vault.balanceOf(rival), WEALTH + 10 ether, "a bounty");
        assertEq(vault.stakeOf(executor).amount, 0, "the whole stake is gone");
        assertConserved();
    }

    function test_pause_holdsPayoutsUpAndNothingElse() public {
        _convict(challenger);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotGuardian.selector, stranger));
        disputes.pausePayouts(1);
        vm.prank(guardian);
        disputes.pausePayouts(40);
        uint64 until = uint64(block.timestamp) + 40;
        assertEq(disputes.pausedUntil(), until, "until then");
        vm.warp(until - 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.PayoutPending.selector, until));
        disputes.settle(words(game));
        Game memory waiting = game;
        open(honest(small()), rival);
        reveal(honest(small()));
        vm.warp(block.timestamp + 121);
        expire();
        assertEq(game.phase, 5, "games go on, clocks too");
        disputes.settle(words(waiting));
        assertConserved();
    }

    /// Both calls come from the guardian; nothing else it may do exists.
    function test_pause_isBoundedInAll() public {
        vm.prank(guardian);
        disputes.pausePayouts(60);
        vm.warp(block.timestamp + 10);
        vm.prank(guardian);
        disputes.resumePayouts();
        assertEq(disputes.pausedUntil(), block.timestamp, "over");
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.PauseLimitReached.selector, 51, 50));
        disputes.pausePayouts(51);
        vm.prank(guardian);
        disputes.pausePayouts(50);
        vm.warp(block.timestamp + 1 days);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.PauseLimitReached.selector, 1, 0));
        disputes.pausePayouts(1);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotGuardian.selector, stranger));
        disputes.resumePayouts();
    }

    function test_pause_holdsCompensationUp() public {
        _convict(challenger);
        settle();
        vm.prank(guardian);
        disputes.pausePayouts(10);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.PayoutPending.selector, block.timestamp + 10));
        disputes.compensate(claim, request, 1, batch, new bytes32[](0));
    }

    /// A claim in a batch is insured: its submitter gets fee and insured value, once, whoever sends it.
    function test_compensate_ofACommittedClaim() public {
        _convict(challenger);
        uint256 batchId = commitClaim();
        uint256 before = vault.balanceOf(submitter);
        bytes32 digest = disputes.claimDigest(claim);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingOwed.selector, digest));
        disputes.compensate(claim, request, batchId, batch, new bytes32[](0));
        settle();
        Request memory other = request;
        other.submitter = stranger;
        vm.expectRevert(IDisputes.WrongRequest.selector);
        disputes.compensate(claim, other, batchId, batch, new bytes32[](0));
        compensate(batchId);
        assertEq(vault.balanceOf(submitter), before + 31 ether, "fee and insured value");
        assertTrue(disputes.compensated(digest), "noted");
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingOwed.selector, digest));
        disputes.compensate(claim, request, batchId, batch, new bytes32[](0));
        assertConserved();
    }

    /// What no batch holds was never paid for, and a batch holds what it holds.
    function test_compensate_onlyWhatABatchHolds() public {
        _convict(challenger);
        settle();
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotInBatch.selector, 1));
        disputes.compensate(claim, request, 1, batch, new bytes32[](0));
        claim.fee += 1;
        vm.prank(executor);
        vault.stake(100 ether);
        uint256 batchId = commitClaim();
        claim.fee -= 1;
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotInBatch.selector, batchId));
        disputes.compensate(claim, request, batchId, batch, new bytes32[](0));
        bytes32[] memory sibling = new bytes32[](1);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotInBatch.selector, batchId));
        disputes.compensate(claim, request, batchId, batch, sibling);
    }

    /// Whatever the stake: bounties take at most half of it, submitters the rest as far as it reaches, then the pool.
    function testFuzz_settle_anyStake(uint128 left) public {
        left = uint128(bound(left, 0, STAKE));
        _convict(challenger);
        uint256 batchId = commitClaim();
        uint256 before = vault.balanceOf(submitter);
        vm.prank(executor);
        vault.startUnbonding(STAKE - left);
        vm.warp(block.timestamp + UNBONDING);
        vm.prank(executor);
        vault.withdrawStake();
        (,,, uint256 escrow,) = vault.totals();
        settle();
        uint256 bounty = left / 2 < 10 ether ? left / 2 : 10 ether;
        assertEq(vault.balanceOf(challenger), WEALTH + bounty, "the bounty, at most half of the stake");
        uint256 compensation = left - bounty < 31 ether ? left - bounty : 31 ether;
        if (compensation > 0) compensate(batchId);
        assertEq(vault.balanceOf(submitter), before + compensation, "the submitter");
        vm.warp(block.timestamp + UNBONDING);
        vault.sweepForfeited(executor);
        (,,, uint256 after_, uint256 pool) = vault.totals();
        assertEq(pool, left - bounty - compensation, "the rest to the pool");
        assertEq(after_, escrow, "nothing sticks in escrow");
        assertConserved();
    }

    /// Stake on its way out is forfeited too, and never comes back.
    function test_settle_reachesStakeThatIsLeaving() public {
        _convict(challenger);
        vm.prank(executor);
        vault.startUnbonding(200 ether);
        settle();
        assertEq(vault.stakeOf(executor).amount, 0, "nothing in service");
        assertEq(vault.stakeOf(executor).unbonding, 0, "nothing on its way out");
        vm.warp(block.timestamp + UNBONDING);
        uint256 before = vault.balanceOf(executor);
        vm.prank(executor);
        vault.withdrawStake();
        assertEq(vault.balanceOf(executor), before, "nothing to withdraw");
        assertConserved();
    }

    /// However many games are lost: bounties take no more than half of what was forfeited.
    function test_settle_bountiesTakeAtMostHalf() public {
        vm.prank(executor);
        vault.startUnbonding(STAKE - 30 ether);
        vm.warp(block.timestamp + UNBONDING);
        vm.prank(executor);
        vault.withdrawStake();
        address[3] memory winners = [challenger, rival, submitter];
        for (uint256 i = 0; i < 3; i++) {
            ToyTrace.Run memory lying = ToyTrace.run(small(), ToyTrace.Lie.State, 13, 3);
            ToyTrace.Run memory own = honest(small());
            claimed(lying);
            claim.coordinator = winners[i];
            openClaim(claim, small(), winners[i]);
            playToProof(lying, own);
            prove(IDisputes.Fault.Step, stepProof(own));
            settle();
        }
        assertEq(vault.balanceOf(challenger), WEALTH + 10 ether, "the first");
        assertEq(vault.balanceOf(rival), WEALTH + 5 ether, "the second");
        assertEq(vault.balanceOf(submitter), WEALTH, "the third has its bond back");
        assertEq(vault.forfeitedOf(executor).amount, 15 ether, "half is left for submitters");
        assertConserved();
    }

    function _convict(address by) private returns (bytes32 id) {
        ToyTrace.Run memory lying = ToyTrace.run(small(), ToyTrace.Lie.State, 13, 3);
        ToyTrace.Run memory own = honest(small());
        id = open(lying, by);
        playToProof(lying, own);
        prove(IDisputes.Fault.Step, stepProof(own));
    }
}
