// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBeacons} from "../../src/interfaces/IBeacons.sol";
import {IChecks} from "../../src/interfaces/IChecks.sol";
import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {Claim, Model} from "../../src/types/Types.sol";
import {Desk} from "../world/Desk.sol";
import {Tree} from "../world/Tree.sol";
import {ToyTrace} from "../world/ToyTrace.sol";

/// One batch of one claim: who checks it, who is paid, who pays.
contract ChecksTest is Desk {
    using Tree for Tree.T;

    /// 10 % of the charge of 1 token for both seats, drawn in one of two batches.
    uint256 private constant PAY = 0.1 ether;

    function setUp() public override {
        super.setUp();
        seat(checker);
        seat(other);
        vm.roll(101);
        claimed(honest(small()));
        id = commitClaim();
        charged.push(uint256(uint160(submitter)) << 96 | 1e6);
    }

    function test_seats_areFewAndBacked() public {
        assertEq(checks.seatsTaken(), 2, "both taken");
        vm.prank(rival);
        vm.expectRevert(abi.encodeWithSelector(IChecks.NoSeat.selector, rival));
        checks.takeSeat();
        vm.prank(other);
        checks.leaveSeat();
        vm.prank(rival);
        vm.expectRevert(abi.encodeWithSelector(IChecks.StakeTooLow.selector, rival, 0, SEAT));
        checks.takeSeat();
        vm.expectRevert(IChecks.NotMissed.selector);
        checks.evict(checker);
        vm.prank(checker);
        vault.startUnbonding(1);
        checks.evict(checker);
        assertEq(checks.seatsTaken(), 0, "free");
    }

    /// Nobody cheats: the honest checker is paid all the same.
    function test_honestCheck_isPaid() public {
        draw(true, false);
        check(checker, entryOf(honest(small())));
        vm.expectRevert();
        checks.collect(id, batch, charged, checker);
        endOfWindow();
        vm.expectRevert(IChecks.NothingDue.selector);
        checks.collect(id, batch, charged, other);
        uint256 before = vault.balanceOf(checker);
        batches.sweep(coordinator);
        checks.collect(id, batch, charged, checker);
        assertEq(vault.balanceOf(checker) - before, PAY, "paid");
        vm.expectRevert(IChecks.NothingDue.selector);
        checks.collect(id, batch, charged, checker);
        assertConserved();
    }

    function test_pay_isNeverMoreThanThePoolHas() public {
        draw(true, false);
        check(checker, entryOf(honest(small())));
        endOfWindow();
        checks.collect(id, batch, charged, checker);
        assertEq(vault.balanceOf(checker), WEALTH - SEAT, "the pool was empty");
        assertConserved();
    }

    /// What somebody else revealed is too late to commit to, and a commitment is bound to its checker.
    function test_copier_revealsNothing() public {
        draw(true, false);
        IChecks.Evidence[] memory entry = entryOf(honest(small()));
        bytes32 copied = commitmentOf(checker, entry);
        commitEvidence(other, copied);
        check(checker, entry);
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(IChecks.NotCommitted.selector, id));
        checks.reveal(id, batch, entry, new bytes32[][](1), SALT);
        bytes32 own = commitmentOf(other, entry);
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(IChecks.TooLate.selector, batch.committedAt + 10));
        checks.commit(id, batch, own);
    }

    function test_reveal_onlyWhatWasDrawnAndIsThere() public {
        IChecks.Evidence[] memory entry = entryOf(honest(small()));
        draw(false, false);
        bytes32 commitment = commitmentOf(checker, entry);
        vm.prank(checker);
        checks.commit(id, batch, commitment);
        vm.warp(batch.committedAt + 11);
        bool drawn = checks.isDrawn(beacons.beaconOf(id), checker, entry[0].claim, batch.sampleRate);
        assertTrue(!drawn, "not drawn");
        vm.prank(checker);
        vm.expectRevert(abi.encodeWithSelector(IChecks.NotDrawn.selector, entry[0].claim));
        checks.reveal(id, batch, entry, new bytes32[][](1), SALT);
    }

    /// Evidence of no run: a trace with another root cannot be opened, silence loses the stake, and there is no pay.
    function test_lazyChecker_losesItsStake() public {
        draw(true, false);
        IChecks.Evidence[] memory entry = entryOf(honest(small()));
        entry[0].traceRoot = keccak256("lazy");
        check(checker, entry);
        accuse(entry);
        ToyTrace.Run memory r = honest(small());
        bytes32[] memory path = r.trace.siblings(game.valueCount - 1, 0, 0);
        vm.prank(checker);
        vm.expectRevert(IDisputes.NotUnderNode.selector);
        disputes.revealTrace(words(game), r.trace.levels[0], path);
        vm.warp(block.timestamp + 121);
        expire();
        settle();
        assertEq(vault.stakeOf(checker).amount, 0, "all of it");
        assertEq(vault.balanceOf(challenger), WEALTH + 10 ether, "bond back, and a bounty");
        vm.expectRevert(IChecks.NothingDue.selector);
        checks.collect(id, batch, charged, checker);
        checks.evict(checker);
        assertConserved();
    }

    /// A run with a fault is evidence of no run: the same game finds the step.
    function test_falseEvidence_losesByTheStep() public {
        ToyTrace.Run memory lying = ToyTrace.run(small(), ToyTrace.Lie.State, 3, 2);
        draw(true, false);
        IChecks.Evidence[] memory entry = entryOf(lying);
        check(checker, entry);
        accuse(entry);
        playToProof(lying, honest(small()));
        prove(IDisputes.Fault.Step, stepProof(honest(small())));
        settle();
        assertEq(vault.stakeOf(checker).amount, 0, "all of it");
        assertTrue(!disputes.overturned(entry[0].claim), "the executor's claim stands");
        assertConserved();
    }

    /// An honest checker accused by somebody who is wrong opens its trace; nothing can be proven against it.
    function test_honestChecker_accused_hasTheBond() public {
        draw(true, false);
        IChecks.Evidence[] memory entry = entryOf(honest(small()));
        check(checker, entry);
        accuse(entry);
        revealTrace(honest(small()));
        vm.warp(block.timestamp + 121);
        expire();
        settle();
        assertEq(vault.balanceOf(checker), WEALTH - SEAT + 5 ether, "the accuser's bond");
        assertEq(vault.stakeOf(checker).amount, SEAT, "stake untouched");
        assertConserved();
    }

    function test_idleChecker_losesItsSeat() public {
        draw(true, false);
        bytes32 digest = disputes.claimDigest(claim);
        vm.expectPartialRevert(IChecks.TooEarly.selector);
        checks.evictIdle(checker, id, batch, digest, new bytes32[](0));
        endOfWindow();
        checks.evictIdle(checker, id, batch, digest, new bytes32[](0));
        assertEq(checks.seatedAt(checker), 0, "no seat");
        assertEq(vault.stakeOf(checker).amount, SEAT, "its stake is its own");
    }

    function test_evidence_onlyThroughChecks() public {
        Model memory model = ToyTrace.model(small());
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotChecks.selector, address(this)));
        disputes.openEvidence(claim, keccak256("root"), model, challenger);
    }

    function test_beacon_isTheBlocksOwn() public {
        vm.roll(103);
        bytes memory header = headerWith(keccak256("randao"));
        vm.expectRevert(abi.encodeWithSelector(IBeacons.NotTheHeader.selector, 102));
        beacons.prove(id, batch, header);
        vm.setBlockhash(102, keccak256(header));
        beacons.prove(id, batch, header);
        assertEq(beacons.beaconOf(id), keccak256("randao"), "prevrandao");
        vm.expectRevert(abi.encodeWithSelector(IBeacons.AlreadyProven.selector, id));
        beacons.prove(id, batch, header);
    }

    /// Out of reach and not proven: drawn again, and the checks of the batch begin again.
    function test_beacon_isDrawnAgain() public {
        vm.roll(103);
        vm.setBlockhash(102, keccak256("hash"));
        vm.expectRevert(abi.encodeWithSelector(IBeacons.StillInReach.selector, 102));
        beacons.redraw(id, batch);
        vm.roll(10_000);
        vm.warp(block.timestamp + 1_000);
        beacons.redraw(id, batch);
        assertEq(beacons.blockOf(id, batch), 10_001, "later");
        vm.roll(10_002);
        bytes memory header = headerWith(keccak256("again"));
        vm.setBlockhash(10_001, keccak256(header));
        beacons.prove(id, batch, header);
        bytes32 commitment = commitmentOf(checker, entryOf(honest(small())));
        vm.prank(checker);
        checks.commit(id, batch, commitment);
    }
}
