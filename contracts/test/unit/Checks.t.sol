// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {IBeacons} from "../../src/interfaces/IBeacons.sol";
import {IChecks} from "../../src/interfaces/IChecks.sol";
import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {Claim, Model} from "../../src/types/Types.sol";
import {Table} from "../world/Table.sol";
import {Tree} from "../world/Tree.sol";
import {ToyTrace} from "../world/ToyTrace.sol";

/// One batch of one claim: who checks it, who is paid, who pays.
contract ChecksTest is Table {
    using Tree for Tree.T;

    bytes32 private constant SALT = keccak256("salt");
    uint128 private constant SEAT = 100 ether;
    /// 10 % of the charge of 1 token for both seats, drawn in one of two batches.
    uint256 private constant PAY = 0.1 ether;

    address private checker = address(0xCE01);
    address private other = address(0xCE02);
    uint256 private id;
    uint256[] private charged;

    function setUp() public override {
        super.setUp();
        _seat(checker);
        _seat(other);
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
        _prove(checker);
        _check(checker, _entry(honest(small())));
        vm.expectRevert();
        checks.collect(id, batch, charged, checker);
        _endOfWindow();
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
        _prove(checker);
        _check(checker, _entry(honest(small())));
        _endOfWindow();
        checks.collect(id, batch, charged, checker);
        assertEq(vault.balanceOf(checker), WEALTH - SEAT, "the pool was empty");
        assertConserved();
    }

    /// What somebody else revealed is too late to commit to, and a commitment is bound to its checker.
    function test_copier_revealsNothing() public {
        _prove(checker);
        IChecks.Evidence[] memory entry = _entry(honest(small()));
        bytes32 copied = _commitment(checker, entry);
        vm.prank(other);
        checks.commit(id, batch, copied);
        _check(checker, entry);
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(IChecks.NotCommitted.selector, id));
        checks.reveal(id, batch, entry, new bytes32[][](1), SALT);
        bytes32 own = _commitment(other, entry);
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(IChecks.TooLate.selector, batch.committedAt + 10));
        checks.commit(id, batch, own);
    }

    function test_reveal_onlyWhatWasDrawnAndIsThere() public {
        IChecks.Evidence[] memory entry = _entry(honest(small()));
        _prove(address(0));
        bytes32 commitment = _commitment(checker, entry);
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
        _prove(checker);
        IChecks.Evidence[] memory entry = _entry(honest(small()));
        entry[0].traceRoot = keccak256("lazy");
        _check(checker, entry);
        _accuse(entry);
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
        _prove(checker);
        IChecks.Evidence[] memory entry = _entry(lying);
        _check(checker, entry);
        _accuse(entry);
        playToProof(lying, honest(small()));
        prove(IDisputes.Fault.Step, stepProof(honest(small())));
        settle();
        assertEq(vault.stakeOf(checker).amount, 0, "all of it");
        assertTrue(!disputes.overturned(entry[0].claim), "the executor's claim stands");
        assertConserved();
    }

    /// An honest checker accused by somebody who is wrong opens its trace; nothing can be proven against it.
    function test_honestChecker_accused_hasTheBond() public {
        _prove(checker);
        IChecks.Evidence[] memory entry = _entry(honest(small()));
        _check(checker, entry);
        _accuse(entry);
        revealTrace(honest(small()));
        vm.warp(block.timestamp + 121);
        expire();
        settle();
        assertEq(vault.balanceOf(checker), WEALTH - SEAT + 5 ether, "the accuser's bond");
        assertEq(vault.stakeOf(checker).amount, SEAT, "stake untouched");
        assertConserved();
    }

    function test_idleChecker_losesItsSeat() public {
        _prove(checker);
        bytes32 digest = disputes.claimDigest(claim);
        vm.expectPartialRevert(IChecks.TooEarly.selector);
        checks.evictIdle(checker, id, batch, digest, new bytes32[](0));
        _endOfWindow();
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
        bytes memory header = _header(keccak256("randao"));
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
        bytes memory header = _header(keccak256("again"));
        vm.setBlockhash(10_001, keccak256(header));
        beacons.prove(id, batch, header);
        bytes32 commitment = _commitment(checker, _entry(honest(small())));
        vm.prank(checker);
        checks.commit(id, batch, commitment);
    }

    function _seat(address who) private {
        endow(who);
        vm.prank(who);
        vault.stake(SEAT);
        vm.prank(who);
        checks.takeSeat();
    }

    /// A beacon that draws `drawn` for the claim and, with zero, not the checker.
    function _prove(address drawn) private {
        bytes32 digest = disputes.claimDigest(claim);
        uint256 i = 1;
        address who = drawn == address(0) ? checker : drawn;
        while (checks.isDrawn(bytes32(i), who, digest, batch.sampleRate) != (drawn != address(0))) i++;
        vm.roll(103);
        bytes memory header = _header(bytes32(i));
        vm.setBlockhash(102, keccak256(header));
        beacons.prove(id, batch, header);
    }

    /// The fields up to prevrandao as long as they are in a block, and one after it.
    function _header(bytes32 randao) private pure returns (bytes memory) {
        bytes[] memory fields = new bytes[](15);
        for (uint256 i = 0; i < 15; i++) fields[i] = RLP.encode(i == 2 ? new bytes(20) : i == 6 ? new bytes(256) : i > 6 && i < 13 ? bytes(hex"81") : new bytes(32));
        fields[13] = RLP.encode(randao);
        return RLP.encode(fields);
    }

    function _entry(ToyTrace.Run memory r) private view returns (IChecks.Evidence[] memory entry) {
        entry = new IChecks.Evidence[](1);
        entry[0] = IChecks.Evidence(disputes.claimDigest(claim), r.outputRoot, r.trace.root());
    }

    function _commitment(address who, IChecks.Evidence[] memory entry) private view returns (bytes32) {
        return keccak256(abi.encode(id, who, keccak256(abi.encode(entry)), SALT));
    }

    function _check(address who, IChecks.Evidence[] memory entry) private {
        bytes32 commitment = _commitment(who, entry);
        vm.prank(who);
        checks.commit(id, batch, commitment);
        vm.warp(batch.committedAt + 11);
        vm.prank(who);
        checks.reveal(id, batch, entry, new bytes32[][](1), SALT);
    }

    function _accuse(IChecks.Evidence[] memory entry) private {
        Model memory model = ToyTrace.model(small());
        vm.recordLogs();
        vm.prank(challenger);
        checks.accuse(id, checker, entry, 0, claim, model);
        _read();
        (claim.executor, claim.outputRoot, claim.fee, claim.insuredValue) = (checker, entry[0].outputRoot, 0, 0);
    }

    function _endOfWindow() private {
        vm.warp(batch.committedAt + 21);
    }
}
