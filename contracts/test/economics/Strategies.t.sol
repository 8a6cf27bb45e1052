// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBatches} from "../../src/interfaces/IBatches.sol";
import {IChecks} from "../../src/interfaces/IChecks.sol";
import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {Desk} from "../world/Desk.sol";
import {ToyTrace} from "../world/ToyTrace.sol";

/// The strategies of `npm run sim:economics` on the contracts: each plays every outcome of its draw, and the profits weighed
/// by the odds are what it can expect, without noise. A false claim that stands gains all that it insured; one honest
/// challenger checks what it is drawn for.
contract StrategiesTest is Desk {
    uint256 private constant ONE = 1 << 32;
    uint40 private constant TENTH = uint40(ONE / 10);
    uint256 private constant FEE = 1 ether;
    /// Of computing a job; a check costs a fifth more.
    int256 private constant WORK = int256(FEE) / 4;
    int256 private constant CHECK = (WORK * 6) / 5;

    /// Who plays together with a liar.
    enum Friend {
        None,
        /// Opens the dispute itself, for the bounty.
        Challenger,
        /// Insures for itself: nobody else's value is at stake, and compensation comes back.
        Submitter
    }

    function setUp() public override {
        super.setUp();
        seat(checker);
        seat(other);
        _fillPool();
        vm.roll(block.number + 10);
    }

    function test_honestExecutor_earns() public {
        _setRate(TENTH);
        int256 before = _wealth(executor);
        _claim(honest(small()), 0);
        commitClaim();
        assertGain(_wealth(executor) - before - WORK, "its share of the fee is more than the work");
    }

    function test_honestChallenger_earnsWithNoCheaters() public {
        _setRate(TENTH);
        assertGain(_overBoth(_honestCheck), "paid checks are worth their work");
    }

    function test_honestChallenger_earnsMoreFromALie() public {
        _setRate(TENTH);
        uint256 state = vm.snapshotState();
        int256 before = _wealth(challenger);
        _commitLie(20 ether);
        _overturn(challenger);
        assertGain(_wealth(challenger) - before - CHECK, "the bounty is more than the check");
        vm.revertToState(state);
    }

    /// Whatever p: a liar that insures as much as the contract takes has nothing from it, with a challenger, with a submitter or alone.
    function test_liars_gainNothing() public {
        uint40[5] memory rates = [uint40(ONE / 100), TENTH, uint40(ONE / 2), uint40(ONE * 9 / 10), uint40(ONE)];
        for (uint256 i = 0; i < rates.length; i++) {
            _setRate(rates[i]);
            for (uint8 friend = 0; friend < 3; friend++) {
                assertNoGain(_weighed(_lie(Friend(friend), true), _lie(Friend(friend), false)), "a lie at the limit of its stake");
            }
        }
    }

    /// The rule is no stricter than it says: one unit more is refused, the limit itself is not.
    function test_exposure_isRefusedJustBeyondTheLimit() public {
        _setRate(TENTH);
        uint256 most = _mostInsured();
        _commitLie(most);
        vm.warp(block.timestamp + 1_000);
        _claim(honest(small()), most + 0.01 ether);
        try this.commitAgain() {
            assertTrue(false, "insured beyond the stake");
        } catch (bytes memory reason) {
            assertEq(bytes32(bytes4(reason)), bytes32(IBatches.StakeTooLow.selector), "refused by the stake");
        }
    }

    function test_lazyChecker_gainsNothing() public {
        _setRate(TENTH);
        assertNoGain(_overAll(_lazyCheck), "evidence of no run");
    }

    /// It has nothing to reveal that it committed to.
    function test_copier_gainsNothing() public {
        _setRate(TENTH);
        assertNoGain(_overAll(_copy), "evidence of others");
    }

    function test_griefer_paysTheHonestSide() public {
        int256 griefers = _wealth(rival);
        int256 executors = _wealth(executor);
        _claim(honest(small()), 30 ether);
        openClaim(claim, small(), rival);
        reveal(honest(small()));
        vm.warp(block.timestamp + 121);
        expire();
        settle();
        assertNoGain(_wealth(rival) - griefers, "a game without a fault");
        assertGain(_wealth(executor) - executors, "its bond is the executor's");
    }

    /// Together with the executor that is paid; what a submitter does not owe costs the bond twice.
    function test_overchargingCoordinator_gainsNothing() public {
        int256 before = _coordinatorsWealth() + _wealth(executor);
        _claim(honest(small()), 0);
        claim.fee = uint128(3 * FEE);
        id = commitClaim();
        charged.push(uint256(uint160(submitter)) << 96 | 3 * FEE / 1e12);
        int256 submitters = _wealth(submitter);
        vm.prank(submitter);
        bytes32 contestId = charges.contest(id, batch, charged, 0);
        vm.warp(block.timestamp + 11);
        charges.resolve(contestId);
        assertNoGain(_coordinatorsWealth() + _wealth(executor) - before, "a charge nobody signed for");
        assertEq(uint256(_wealth(submitter) - submitters), 3 * FEE, "refunded");
    }

    /// Together with its executor, and with whoever asks it, for the bounty: a lie at the limit of its bond, not shown if drawn.
    function test_withholdingCoordinator_gainsNothing() public {
        endow(executor, 4 * WEALTH);
        vm.prank(executor);
        vault.stake(4 * WEALTH);
        uint40[4] memory rates = [uint40(ONE / 100), TENTH, uint40(ONE / 2), uint40(ONE * 9 / 10)];
        for (uint256 i = 0; i < rates.length; i++) {
            _setRate(rates[i]);
            assertNoGain(_weighed(_withhold(true), _withhold(false)), "a lie that is kept from checks");
        }
    }

    // Players: what each has gained once everything is over

    function _lie(Friend friend, bool found) private returns (int256 profit) {
        uint256 state = vm.snapshotState();
        uint256 insured = _mostInsured();
        int256 before = _wealth(executor) + _wealth(rival);
        id = _commitLie(insured);
        (uint256 final_, uint256 pending) = batches.feesOf(executor);
        int256 submitters = _wealth(submitter);
        if (found) {
            _overturn(friend == Friend.Challenger ? rival : challenger);
            compensate(id);
        }
        // Beyond honest work: the fee would have been there too, the work is saved.
        profit = _wealth(executor) + _wealth(rival) - before - int256(final_ + pending) + WORK;
        if (friend == Friend.Submitter) profit += _wealth(submitter) - submitters;
        else if (!found) profit += int256(insured);
        vm.revertToState(state);
    }

    function _withhold(bool drawn) private returns (int256 profit) {
        uint256 state = vm.snapshotState();
        int256 before = _coordinatorsWealth() + _wealth(executor) + _wealth(rival);
        (, uint256 limit) = batches.answeredFor(coordinator);
        uint256 insured = (limit - 2 * FEE) / 1e12 * 1e12;
        id = _commitLie(insured);
        (uint256 final_, uint256 pending) = batches.feesOf(executor);
        if (drawn) {
            uint256[] memory totals = new uint256[](1);
            totals[0] = uint256(uint160(executor)) << 96 | FEE / 1e12 << 48 | insured / 1e12;
            charged.push(uint256(uint160(submitter)) << 96 | FEE / 1e12);
            vm.prank(rival);
            requests.request(id, batch);
            vm.warp(requests.demandOf(id).deadline + 1);
            requests.resolve(id, batch, totals, charged);
            vm.warp(batches.coordinatorOf(coordinator).leavesAt);
            requests.settle(coordinator);
        }
        profit = _coordinatorsWealth() + _wealth(executor) + _wealth(rival) - before - int256(final_ + pending) + WORK;
        if (!drawn) profit += int256(insured);
        vm.revertToState(state);
    }

    function _honestCheck(bool mine, bool) private returns (int256 profit) {
        int256 before = _wealth(checker);
        _batch();
        draw(mine, false);
        if (mine) {
            check(checker, entryOf(honest(small())));
            endOfWindow();
            checks.collect(id, batch, charged, checker);
        }
        return _wealth(checker) - before - (mine ? CHECK : int256(0));
    }

    function _lazyCheck(bool mine, bool seen) private returns (int256 profit) {
        int256 before = _wealth(checker);
        _batch();
        draw(mine, seen);
        if (!mine) return 0;
        IChecks.Evidence[] memory entry = entryOf(honest(small()));
        entry[0].traceRoot = keccak256("no run");
        check(checker, entry);
        if (seen) {
            accuse(entry);
            vm.warp(block.timestamp + 121);
            expire();
            settle();
        }
        vm.warp(block.timestamp + 21);
        try checks.collect(id, batch, charged, checker) {} catch {}
        return _wealth(checker) - before;
    }

    function _copy(bool mine, bool seen) private returns (int256 profit) {
        int256 before = _wealth(checker);
        _batch();
        draw(mine, seen);
        IChecks.Evidence[] memory entry = entryOf(honest(small()));
        commitEvidence(checker, commitmentOf(other, entry));
        if (seen) check(other, entry);
        try this.revealAgain(entry) {
            assertTrue(false, "revealed what another committed to");
        } catch {}
        endOfWindow();
        try checks.collect(id, batch, charged, checker) {} catch {}
        return _wealth(checker) - before;
    }

    function revealAgain(IChecks.Evidence[] memory entry) external {
        revealEvidence(checker, entry);
    }

    function commitAgain() external {
        commitClaim();
    }

    // Odds

    function _overBoth(function(bool, bool) internal returns (int256) play) private returns (int256) {
        return _weighed(_apart(play, true, false), _apart(play, false, false));
    }

    /// Over the own draw and the honest challenger's.
    function _overAll(function(bool, bool) internal returns (int256) play) private returns (int256) {
        int256 drawn = _weighed(_apart(play, true, true), _apart(play, true, false));
        return _weighed(drawn, _weighed(_apart(play, false, true), _apart(play, false, false)));
    }

    function _apart(function(bool, bool) internal returns (int256) play, bool mine, bool others) private returns (int256 profit) {
        uint256 state = vm.snapshotState();
        profit = play(mine, others);
        assertConserved();
        vm.revertToState(state);
    }

    function _weighed(int256 drawn, int256 not) private view returns (int256) {
        int256 rate = int256(uint256(batches.sampleRate()));
        return (drawn * rate + not * (int256(ONE) - rate)) / int256(ONE);
    }

    // Around them

    function _setRate(uint40 rate) private {
        batches.setTerms(IBatches.Terms(20, 1, rate, 1_000, 200, 1_000e6));
    }

    /// What earlier batches brought: a pool that can pay.
    function _fillPool() private {
        _claim(honest(small()), 0);
        claim.fee = uint128(100 * FEE);
        commitClaim();
        batches.sweep(coordinator);
        vm.warp(block.timestamp + 1_000);
    }

    function _claim(ToyTrace.Run memory r, uint256 insured) private {
        claimed(r);
        (request.insuredValue, claim.insuredValue) = (uint128(insured), uint128(insured));
        claim.jobId = disputes.jobId(request);
    }

    function _batch() private {
        _claim(honest(small()), 0);
        id = commitClaim();
        charged.push(uint256(uint160(submitter)) << 96 | FEE / 1e12);
    }

    function _commitLie(uint256 insured) private returns (uint256) {
        _claim(ToyTrace.run(small(), ToyTrace.Lie.State, 3, 2), insured);
        return commitClaim();
    }

    function _overturn(address by) private {
        openClaim(claim, small(), by);
        ToyTrace.Run memory lying = ToyTrace.run(small(), ToyTrace.Lie.State, 3, 2);
        playToProof(lying, honest(small()));
        prove(IDisputes.Fault.Step, stepProof(honest(small())));
        settle();
    }

    /// As much as the stake carries beside the fee of one claim; whole units of the contract.
    function _mostInsured() private view returns (uint256) {
        uint256 rate = batches.sampleRate();
        uint256 weight = rate > ONE - rate ? rate : ONE - rate;
        uint256 fee = FEE * 8_800 / 10_000;
        uint256 limit = batches.exposureLimit(vault.stakeOf(executor).amount);
        return (limit - fee * ONE / weight) / 1e12 * 1e12 - 1e12;
    }

    function _wealth(address who) private view returns (int256) {
        (uint256 final_, uint256 pending) = batches.feesOf(who);
        return int256(vault.balanceOf(who) + vault.stakeOf(who).amount + final_ + pending);
    }

    function _coordinatorsWealth() private view returns (int256) {
        IBatches.Coordinator memory its = batches.coordinatorOf(coordinator);
        return _wealth(coordinator) + int256((uint256(its.bond) + its.float) * batches.unit());
    }

    function assertGain(int256 profit, string memory reason) private pure {
        assertTrue(profit > 0, reason);
    }

    function assertNoGain(int256 profit, string memory reason) private pure {
        assertTrue(profit <= 0, reason);
    }
}
