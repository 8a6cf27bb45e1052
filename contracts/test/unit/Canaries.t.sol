// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICanaries} from "../../src/interfaces/ICanaries.sol";
import {IChecks} from "../../src/interfaces/IChecks.sol";
import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {Claim, Model} from "../../src/types/Types.sol";
import {Desk} from "../world/Desk.sol";
import {ToyTrace} from "../world/ToyTrace.sol";
import {Tree} from "../world/Tree.sol";

/// One false claim, planted: who finds it, who misses it, and what it covers.
contract CanariesTest is Desk {
    using Tree for Tree.T;

    uint256 private constant SUBMITTER_KEY = 0x5B;
    /// What the executor's stake may answer for, 500 · 1/2 · p / q, and three bounties.
    uint128 private constant BOND = 256 ether;
    uint128 private constant BOUNTY = 2 ether;
    uint128 private constant PENALTY = 5 ether;

    address private planter = address(0xBA01);
    ICanaries.Secret private secret;
    ICanaries.Finding private finding;
    bytes32 private canaryId;

    function setUp() public override {
        submitter = vm.addr(SUBMITTER_KEY);
        super.setUp();
        endow(planter);
        seat(checker);
        seat(other);
        _prepare(ToyTrace.run(small(), ToyTrace.Lie.State, 3, 2));
    }

    // What is measured

    function test_found_pays_andMissed_costs() public {
        _plantAndCommit();
        draw(true, true);
        check(checker, entryOf(honest(small())));
        _open(address(0));
        vm.expectPartialRevert(ICanaries.TooEarly.selector);
        canaries.measure(canaryId, finding, batch, other, _none());
        _afterTrial();
        vm.expectRevert(IChecks.NotTheEvidence.selector);
        canaries.measure(canaryId, finding, batch, checker, _none());
        canaries.measure(canaryId, finding, batch, checker, entryOf(honest(small())));
        canaries.measure(canaryId, finding, batch, other, _none());
        assertEq(vault.balanceOf(checker), WEALTH - SEAT + BOUNTY, "found");
        assertEq(vault.stakeOf(other).amount, SEAT - PENALTY, "missed");
        assertEq(vault.stakeOf(executor).amount, STAKE, "a canary costs its executor nothing");
        _expectDetection(checker, 1, 1);
        _expectDetection(other, 1, 0);
        IChecks.Evidence[] memory own = entryOf(honest(small()));
        vm.expectRevert(abi.encodeWithSelector(ICanaries.AlreadyMeasured.selector, checker));
        canaries.measure(canaryId, finding, batch, checker, own);
        vm.warp(block.timestamp + 20);
        canaries.settle(canaryId, finding);
        assertEq(vault.balanceOf(planter), WEALTH - BOUNTY, "the rest of the bond");
        assertConserved();
    }

    /// Whoever revealed something else has not run it, be it the claim's own output with a made-up trace.
    function test_lazyEvidence_isAMiss() public {
        _plantAndCommit();
        draw(true, true);
        IChecks.Evidence[] memory lazy = entryOf(honest(small()));
        (lazy[0].outputRoot, lazy[0].traceRoot) = (claim.outputRoot, keccak256("lazy"));
        check(checker, lazy);
        _open(address(0));
        _afterTrial();
        canaries.measure(canaryId, finding, batch, checker, lazy);
        _expectDetection(checker, 1, 0);
        assertEq(vault.stakeOf(checker).amount, SEAT - PENALTY, "missed");
    }

    function test_whoIsNotDrawn_isNotMeasured() public {
        _plantAndCommit();
        draw(true, false);
        _open(address(0));
        _afterTrial();
        vm.expectRevert(ICanaries.NotMeasurable.selector);
        canaries.measure(canaryId, finding, batch, other, _none());
        vm.expectRevert(ICanaries.NotMeasurable.selector);
        canaries.measure(canaryId, finding, batch, stranger, _none());
        vm.prank(checker);
        checks.leaveSeat();
        vm.expectRevert(ICanaries.NotMeasurable.selector);
        canaries.measure(canaryId, finding, batch, checker, _none());
    }

    /// What the opening says could be copied into a commitment.
    function test_openedBeforeAllHaveCommitted_measuresNobody() public {
        _plantAndCommit();
        draw(true, true);
        vm.warp(batch.committedAt + 9);
        _openNow(address(0));
        vm.warp(block.timestamp + 60);
        vm.expectRevert(ICanaries.NotMeasurable.selector);
        canaries.measure(canaryId, finding, batch, checker, _none());
        assertTrue(disputes.overturned(finding.claim), "void all the same");
    }

    function test_whoWasNotGivenTheBatch_isExcused() public {
        _plantAndCommit();
        draw(true, true);
        vm.prank(rival);
        requests.request(id, batch);
        check(checker, entryOf(honest(small())));
        _open(address(0));
        _afterTrial();
        vm.expectRevert(ICanaries.NotMeasurable.selector);
        canaries.measure(canaryId, finding, batch, other, _none());
        canaries.measure(canaryId, finding, batch, checker, entryOf(honest(small())));
        _expectDetection(checker, 1, 1);
    }

    function test_whoWasNotGivenTheInput_isExcused() public {
        _plantAndCommit();
        draw(true, true);
        vm.prank(rival);
        requests.requestInput(id, batch, claim, new bytes32[](0), 1);
        _open(address(0));
        _afterTrial();
        vm.expectRevert(ICanaries.NotMeasurable.selector);
        canaries.measure(canaryId, finding, batch, checker, _none());
    }

    // What a dispute over it comes to

    function test_disputedCanary_costsNeitherSide() public {
        _plantAndCommit();
        draw(true, true);
        openClaim(claim, small(), checker);
        check(checker, entryOf(honest(small())));
        vm.warp(batch.committedAt + 12);
        _expectOpenRevert(ICanaries.FinderNeeded.selector, address(0));
        _expectOpenRevert(ICanaries.FinderNeeded.selector, stranger);
        _openNow(checker);
        assertEq(vault.balanceOf(checker), WEALTH - SEAT - 5 ether + BOUNTY, "the bounty");
        settle();
        assertEq(vault.balanceOf(checker), WEALTH - SEAT + BOUNTY, "the bond, though nobody played");
        assertEq(vault.stakeOf(executor).amount, STAKE, "the executor's stake");
        _afterTrial();
        canaries.measure(canaryId, finding, batch, checker, entryOf(honest(small())));
        assertEq(vault.balanceOf(checker), WEALTH - SEAT + BOUNTY, "no second bounty");
        _expectDetection(checker, 1, 1);
        assertConserved();
    }

    /// A game that is lost already, but not settled, ends the same.
    function test_lostGame_isVoidUntilItIsSettled() public {
        _plantAndCommit();
        openClaim(claim, small(), challenger);
        playToProof(ToyTrace.run(small(), ToyTrace.Lie.State, 3, 2), honest(small()));
        prove(IDisputes.Fault.Step, stepProof(honest(small())));
        _openNow(challenger);
        settle();
        assertEq(vault.stakeOf(executor).amount, STAKE, "the executor's stake");
        assertEq(vault.balanceOf(challenger), WEALTH + BOUNTY, "bond and bounty");
    }

    function test_settledVerdict_stands() public {
        _plantAndCommit();
        openClaim(claim, small(), challenger);
        playToProof(ToyTrace.run(small(), ToyTrace.Lie.State, 3, 2), honest(small()));
        prove(IDisputes.Fault.Step, stepProof(honest(small())));
        settle();
        _expectOpenRevert(IDisputes.AlreadyOverturned.selector, address(0));
    }

    function test_misconduct_isNotCovered() public {
        _plantAndCommit();
        Claim memory second = claim;
        second.outputRoot = keccak256("another lie");
        second.fee -= 1;
        bytes memory mine = signed(claim);
        bytes memory its = signed(second);
        _openNow(address(0));
        vm.recordLogs();
        vm.prank(challenger);
        disputes.convictEquivocation(claim, mine, second, its);
        _read();
        settle();
        assertEq(vault.stakeOf(executor).amount, 0, "two claims for a job cost all of it");
    }

    // What it does not cover

    /// A lie that nobody found and nobody opened costs the bond: what the executor could have insured at most.
    function test_unopened_losesItsBond() public {
        _plantAndCommit();
        assertEq(canaries.bondFor(executor), BOND, "the exposure limit and the bounties");
        vm.warp(batch.committedAt + 21);
        _expectOpenRevert(ICanaries.TooLate.selector, address(0));
        vm.expectPartialRevert(ICanaries.TooEarly.selector);
        canaries.settle(canaryId, finding);
        vm.warp(block.timestamp + 100);
        canaries.settle(canaryId, finding);
        assertEq(vault.balanceOf(planter), WEALTH - BOND, "gone");
        (,,,, uint256 pool) = vault.totals();
        assertEq(pool, BOND, "to the pool");
        vm.expectPartialRevert(ICanaries.WrongPhase.selector);
        canaries.settle(canaryId, finding);
        assertConserved();
    }

    function test_bondBelowTheStakesWorth_coversNothing() public {
        _plant(BOND - 1);
        vm.warp(block.timestamp + 1);
        id = commitClaim();
        _expectOpenRevert(ICanaries.BondTooLow.selector, address(0));
        vm.prank(executor);
        vault.startUnbonding(STAKE);
        _expectOpenRevert(ICanaries.BondTooLow.selector, address(0));
    }

    function test_plantedAfterItsBatch_isRefused() public {
        id = commitClaim();
        vm.warp(block.timestamp + 1);
        _plant(BOND);
        _expectOpenRevert(ICanaries.PlantedAfter.selector, address(0));
    }

    /// A claim that somebody has found before it is in a batch.
    function test_plantedAfterADispute_isRefused() public {
        openClaim(claim, small(), challenger);
        _plantAndCommit();
        _expectOpenRevert(IDisputes.AlreadyOverturned.selector, challenger);
    }

    function test_copiedLeaf_opensNothing() public {
        bytes32 leaf = keccak256(abi.encode(secret));
        vm.prank(rival);
        bytes32 copy = canaries.plant(leaf, BOND);
        _plantAndCommit();
        ICanaries.Opening memory opening = _opening(address(0));
        vm.expectRevert(ICanaries.NoConsent.selector);
        canaries.open(copy, opening);
        canaries.open(canaryId, opening);
        vm.prank(planter);
        vm.expectPartialRevert(ICanaries.AlreadyPlanted.selector);
        canaries.plant(leaf, BOND);
    }

    /// Neither somebody else's job nor somebody else's stake.
    function test_opening_needsBothConsents() public {
        _plantAndCommit();
        ICanaries.Opening memory opening = _opening(address(0));
        opening.submitterConsent = opening.executorConsent;
        vm.expectRevert(ICanaries.NoConsent.selector);
        canaries.open(canaryId, opening);
        opening = _opening(address(0));
        opening.executorConsent = opening.submitterConsent;
        vm.expectRevert(ICanaries.NoConsent.selector);
        canaries.open(canaryId, opening);
        opening = _opening(address(0));
        opening.secret.salt = keccak256("other");
        vm.expectRevert(ICanaries.WrongSecret.selector);
        canaries.open(canaryId, opening);
    }

    function test_unused_isWithdrawn() public {
        _plant(BOND);
        vm.expectRevert(ICanaries.NoConsent.selector);
        canaries.withdraw(canaryId, secret);
        vm.prank(planter);
        canaries.withdraw(canaryId, secret);
        vm.expectPartialRevert(ICanaries.TooEarly.selector);
        canaries.settle(canaryId, finding);
        vm.warp(block.timestamp + 21);
        canaries.settle(canaryId, finding);
        assertEq(vault.balanceOf(planter), WEALTH, "the bond");
    }

    /// A lie that nobody found, called unused: whoever has the claim says so.
    function test_withdrawnButUsed_losesItsBond() public {
        _plantAndCommit();
        vm.prank(planter);
        canaries.withdraw(canaryId, secret);
        _expectOpenRevert(ICanaries.WrongPhase.selector, address(0));
        bytes memory signature = signed(claim);
        vm.prank(rival);
        canaries.used(canaryId, secret, claim, signature);
        assertEq(vault.balanceOf(rival), WEALTH + BOUNTY, "shown");
        (,,,, uint256 pool) = vault.totals();
        assertEq(pool, BOND - BOUNTY, "the rest");
        vm.warp(block.timestamp + 100);
        vm.expectPartialRevert(ICanaries.WrongPhase.selector);
        canaries.settle(canaryId, finding);
        assertConserved();
    }

    // What an opening says

    /// A true claim called false, to fine who is honest: its executor loses its stake, the planter the bond, the checker nothing.
    function test_falseOpening_losesStakeAndBond() public {
        _prepare(honest(small()));
        (secret.trueRoot, secret.traceRoot) = (keccak256("not so"), keccak256("nor this"));
        _plantAndCommit();
        draw(true, true);
        check(checker, entryOf(honest(small())));
        _open(address(0));
        _disputeOpening(checker);
        _afterTrial();
        IChecks.Evidence[] memory own = entryOf(honest(small()));
        vm.expectRevert(ICanaries.StillDisputed.selector);
        canaries.measure(canaryId, finding, batch, checker, own);
        vm.warp(block.timestamp + 121);
        vm.expectRevert(ICanaries.StillDisputed.selector);
        canaries.settle(canaryId, finding);
        expire();
        settle();
        vm.expectRevert(ICanaries.StillDisputed.selector);
        canaries.measure(canaryId, finding, batch, other, _none());
        canaries.settle(canaryId, finding);
        assertEq(vault.stakeOf(executor).amount, 0, "stake");
        assertEq(vault.balanceOf(planter), WEALTH - BOND, "bond");
        assertEq(vault.stakeOf(checker).amount, SEAT, "no fine");
        assertConserved();
    }

    function test_trueOpening_standsADispute() public {
        _plantAndCommit();
        draw(true, true);
        _open(address(0));
        _disputeOpening(challenger);
        revealTrace(honest(small()));
        vm.warp(block.timestamp + 121);
        Model memory model = ToyTrace.model(small());
        vm.expectPartialRevert(ICanaries.TooLate.selector);
        canaries.dispute(canaryId, finding, claim, model);
        expire();
        settle();
        assertEq(vault.balanceOf(challenger), WEALTH - 5 ether, "the accuser's bond");
        canaries.measure(canaryId, finding, batch, other, _none());
        _expectDetection(other, 1, 0);
        canaries.settle(canaryId, finding);
        assertEq(vault.balanceOf(planter), WEALTH, "bond");
    }

    // The scene

    function _prepare(ToyTrace.Run memory run) private {
        ToyTrace.Run memory own = honest(small());
        claimed(run);
        secret = ICanaries.Secret(claim.jobId, executor, claim.outputRoot, own.outputRoot, own.trace.root(), SALT);
    }

    function _plant(uint128 bond) private {
        bytes32 leaf = keccak256(abi.encode(secret));
        vm.prank(planter);
        canaryId = canaries.plant(leaf, bond);
    }

    function _plantAndCommit() private {
        _plant(BOND);
        vm.warp(block.timestamp + 1);
        vm.roll(101);
        id = commitClaim();
    }

    function _opening(address finder) private view returns (ICanaries.Opening memory) {
        return ICanaries.Opening(secret, claim, request, _consent(SUBMITTER_KEY), _consent(EXECUTOR_KEY), id, batch, new bytes32[](0), finder);
    }

    function _consent(uint256 key) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", canaryId)));
        return abi.encodePacked(r, s, v);
    }

    function _open(address finder) private {
        vm.warp(batch.committedAt + 11);
        _openNow(finder);
    }

    function _openNow(address finder) private {
        canaries.open(canaryId, _opening(finder));
        Claim memory own = claim;
        (own.outputRoot, own.fee, own.insuredValue) = (secret.trueRoot, 0, 0);
        finding = ICanaries.Finding(id, disputes.claimDigest(claim), secret.trueRoot, secret.traceRoot, disputes.claimDigest(own), finder);
    }

    function _expectOpenRevert(bytes4 selector, address finder) private {
        ICanaries.Opening memory opening = _opening(finder);
        vm.expectPartialRevert(selector);
        canaries.open(canaryId, opening);
    }

    function _disputeOpening(address by) private {
        Model memory model = ToyTrace.model(small());
        vm.recordLogs();
        vm.prank(by);
        canaries.dispute(canaryId, finding, claim, model);
        _read();
    }

    function _afterTrial() private {
        vm.warp(block.timestamp + 21);
    }

    function _expectDetection(address who, uint32 drawn, uint32 found_) private view {
        ICanaries.Detection memory all = canaries.detectionOf(who);
        assertEq(all.drawn, drawn, "drawn");
        assertEq(all.found, found_, "found");
    }

    function _none() private pure returns (IChecks.Evidence[] memory) {
        return new IChecks.Evidence[](0);
    }
}
