// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBatches} from "../../src/interfaces/IBatches.sol";
import {ICharges} from "../../src/interfaces/ICharges.sol";
import {IRequests} from "../../src/interfaces/IRequests.sol";
import {Bound} from "../../src/libraries/Inputs.sol";
import {Claim} from "../../src/types/Types.sol";
import {Claims} from "../world/Claims.sol";
import {Tree} from "../world/Tree.sol";

/// What a coordinator's bond answers for: batches and inputs that are not shown, totals that say too little.
/// Bond 1,000, p = 1/2: batches that are not final may expose 500. Amounts in units: millionths of the token.
contract BondsTest is Claims {
    using Tree for Tree.T;

    // Exposure

    /// Over all executors: each is within its own limit.
    function test_commit_keepsTheCoordinatorsExposureRule() public {
        address[3] memory hired = [executor, challenger, rival];
        for (uint256 i = 1; i < 3; i++) {
            vm.prank(hired[i]);
            vault.stake(STAKE);
        }
        for (uint256 i = 0; i < 2; i++) _commitTotals(hired[i], 0, 249 * TOKEN);
        (uint256 exposure, uint256 limit) = batches.answeredFor(coordinator);
        assertEq(exposure, 498 ether, "both");
        assertEq(limit, 500 ether, "bond / 2 * p / q");
        uint256[] memory more = _words(rival, 0, 3 * TOKEN);
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBatches.OverExposed.selector, 501 * TOKEN, 500 * TOKEN));
        batches.commit(keccak256("root"), 5, more, new uint256[](0));
        _later(40);
        _commitTotals(rival, 0, 3 * TOKEN);
        (exposure,) = batches.answeredFor(coordinator);
        assertEq(exposure, 3 ether, "the others are final");
    }

    function test_exposure_countsFeesAsForExecutors() public {
        _commitTotals(executor, 100 * TOKEN, 7 * TOKEN);
        (uint256 exposure,) = batches.answeredFor(coordinator);
        assertEq(exposure, batches.exposureOf(executor), "the same");
    }

    /// What is drawn with probability p takes half of the bond at least: no sum within the limit is worth more.
    function testFuzz_limit_isHalfTheBondTimesOdds(uint40 bond, uint40 rate) public {
        rate = uint40(bound(rate, 42_949_673, 1 << 32));
        bond = uint40(bound(bond, 1, 900e6));
        batches.setTerms(IBatches.Terms(20, 1, rate, 0, 0, 1));
        vm.prank(submitter);
        batches.join(stranger, bond, 0);
        (, uint256 limit) = batches.answeredFor(stranger);
        uint256 weight = rate > 1 << 31 ? uint256(rate) : (1 << 32) - uint256(rate);
        assertTrue(limit / 1e12 * weight * 2 <= uint256(bond) * rate, "not above");
        assertTrue((limit / 1e12 + 1) * weight * 2 > uint256(bond) * rate, "and not a unit below");
    }

    // A batch that is not shown

    function test_withheld_costsTheWholeBond_andPaysFeesAndInsuredValue() public {
        _batch(3, 50 ether);
        _withhold();
        IBatches.Coordinator memory its = batches.coordinatorOf(coordinator);
        assertEq(its.convictor, challenger, "convicted");
        assertTrue(!batches.isCoordinator(coordinator), "and no coordinator any more");
        vm.expectRevert(abi.encodeWithSelector(IBatches.StillBonded.selector, its.leavesAt));
        requests.settle(coordinator);
        vm.expectRevert(IRequests.NothingToRefund.selector);
        requests.refund(id, batch, charged, 0);

        vm.warp(its.leavesAt);
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBatches.StillBonded.selector, its.leavesAt));
        batches.withdrawBond();
        vm.prank(submitter);
        vm.expectRevert(abi.encodeWithSelector(IBatches.StillBonded.selector, its.leavesAt));
        batches.join(coordinator, 1, 0);

        requests.settle(coordinator);
        assertEq(vault.balanceOf(challenger), WEALTH + 100 ether, "its bond back, and a tenth of the coordinator's");
        requests.refund(id, batch, charged, 0);
        requests.compensate(id, batch, claims[0], asked[0], proofs[0]);
        assertEq(vault.balanceOf(submitter), WEALTH + 50 ether, "fees of all, and what one of them insured");
        vm.expectRevert(IRequests.NothingToRefund.selector);
        requests.compensate(id, batch, claims[0], asked[0], proofs[0]);
        vm.expectRevert(IRequests.NothingToRefund.selector);
        requests.refund(id, batch, charged, 0);

        vm.expectRevert(abi.encodeWithSelector(IRequests.TooEarly.selector, its.leavesAt + 40));
        requests.sweep(coordinator);
        _later(41);
        (,,,, uint256 before) = vault.totals();
        requests.sweep(coordinator);
        (,, uint256 bonds,, uint256 pool) = vault.totals();
        assertEq(pool - before, 847 ether, "the rest: 1,000 less 100, 3 and 50");
        assertEq(bonds, 0, "nothing is left");
        assertConserved();
    }

    /// What can be had back of a bond before it is lost: one of two tokens, the other is lost.
    function test_contestingItsOwnCharges_losesHalfOfTheBond() public {
        _commitCharges(500 * TOKEN);
        vm.prank(submitter);
        bytes32 contest = charges.contest(id, batch, charged, 0);
        _later(11);
        charges.resolve(contest);
        assertEq(batches.coordinatorOf(coordinator).bond, 0, "one of two is refunded, the other lost");
        (,,,, uint256 pool) = vault.totals();
        assertEq(pool, 500 ether, "half of the bond");
        assertConserved();
    }

    /// A bond that is lost answers for contested charges first.
    function test_withheld_leavesContestedChargesTheirRefund() public {
        _commitCharges(400 * TOKEN);
        (IBatches.Batch memory over, uint256 overId, uint256[] memory overCharged) = (batch, id, charged);
        _batch(1, 100 ether);
        vm.prank(challenger);
        requests.request(id, batch);
        _later(5);
        vm.prank(submitter);
        bytes32 contest = charges.contest(overId, over, overCharged, 0);
        _later(6);
        requests.resolve(id, batch, totals, charged);
        _later(5);
        charges.resolve(contest);
        assertTrue(charges.contestOf(contest).over, "resolved");
        assertEq(batches.coordinatorOf(coordinator).bond, 200 * TOKEN, "1,000 less twice 400");
        vm.warp(batches.coordinatorOf(coordinator).leavesAt);
        requests.settle(coordinator);
        requests.compensate(id, batch, claims[0], asked[0], proofs[0]);
        assertEq(vault.balanceOf(submitter), WEALTH - 1 ether + 100 ether, "400 refunded, what was insured paid, one token charged");
        assertConserved();
    }

    /// Two withheld batches that owe more than there is are paid in proportion.
    function test_withheld_inProportionIfTheBondDoesNotReach() public {
        _commitCharges(499 * TOKEN);
        (IBatches.Batch memory over, uint256 overId, uint256[] memory overCharged) = (batch, id, charged);
        _batch(1, 240 ether);
        vm.prank(submitter);
        bytes32 contest = charges.contest(overId, over, overCharged, 0);
        _later(1);
        _withhold();
        charges.resolve(contest);
        vm.warp(batches.coordinatorOf(coordinator).leavesAt);
        requests.settle(coordinator);
        assertEq(requests.potOf(coordinator).amount, 1.8 ether, "contests took the rest");
        requests.refund(id, batch, charged, 0);
        requests.compensate(id, batch, claims[0], asked[0], proofs[0]);
        uint256 paid = uint256(1.8 ether) * 1 / 241 + uint256(1.8 ether) * 240 / 241;
        assertEq(vault.balanceOf(submitter), WEALTH - 1 ether + paid, "1.8 of 241");
        assertConserved();
    }

    /// A claim that insures more than the totals say takes no more than they say, however it got into the tree.
    function test_compensate_noMoreThanTheTotalsSay() public {
        for (uint256 i = 0; i < 2; i++) _claim(300 ether);
        _commit(_words(executor, 2 * TOKEN, 150 * TOKEN), 2 * TOKEN);
        _withhold();
        vm.warp(batches.coordinatorOf(coordinator).leavesAt);
        requests.settle(coordinator);
        requests.compensate(id, batch, claims[1], asked[1], proofs[1]);
        assertEq(vault.balanceOf(submitter), WEALTH - 2 ether + 150 ether, "what the totals say");
        vm.expectRevert(IRequests.NothingToRefund.selector);
        requests.compensate(id, batch, claims[0], asked[0], proofs[0]);
    }

    function test_bond_lostWhileLeaving() public {
        _batch(1, 1 ether);
        vm.prank(coordinator);
        batches.startLeaving();
        _withhold();
        vm.warp(batches.coordinatorOf(coordinator).leavesAt);
        requests.settle(coordinator);
        assertEq(requests.potOf(coordinator).amount, 900 ether, "all but the bounty");
        assertConserved();
    }

    function test_convict_onlyByModules() public {
        vm.expectRevert(abi.encodeWithSelector(IBatches.OnlyModule.selector, address(this)));
        batches.convict(coordinator, address(this));
        vm.expectRevert(abi.encodeWithSelector(IBatches.OnlyModule.selector, address(this)));
        batches.takeLost(coordinator);
    }

    // Totals

    function test_understated_insuredValue_costsTheBond() public {
        endow(executor);
        vm.prank(executor);
        vault.stake(WEALTH);
        for (uint256 i = 0; i < 3; i++) _claim(100 ether);
        _commit(_words(executor, 3 * TOKEN, 299 * TOKEN), 3 * TOKEN);
        vm.prank(rival);
        assertTrue(!_count(0, 2), "200 of 299");
        vm.prank(challenger);
        assertTrue(!_count(2, 3), "each counts by itself");
        vm.prank(rival);
        assertTrue(_count(2, 3), "300 of 299");
        assertEq(batches.coordinatorOf(coordinator).convictor, rival, "convicted");
        vm.warp(batches.coordinatorOf(coordinator).leavesAt);
        requests.settle(coordinator);
        assertEq(vault.balanceOf(rival), WEALTH + 100 ether, "a tenth");
        _later(41);
        requests.sweep(coordinator);
        (,, uint256 bonds,, uint256 pool) = vault.totals();
        assertTrue(bonds == 0 && pool == 900 ether, "the rest is the pool's");
        assertConserved();
    }

    function test_understated_fees() public {
        for (uint256 i = 0; i < 2; i++) _claim(0);
        _commit(_words(executor, TOKEN, 0), TOKEN);
        assertTrue(_count(0, 2), "2 of 1");
    }

    /// Rounded to units as the coordinator must post them; an executor may be in the totals twice.
    function test_totals_thatSayWhatTheClaimsSay_stand() public {
        for (uint256 i = 0; i < 2; i++) _claim(100 ether - 1);
        totals = _words(executor, 2 * TOKEN, 100 * TOKEN);
        totals.push(_words(executor, 0, 100 * TOKEN)[0]);
        _commit(totals, 2 * TOKEN);
        assertTrue(!_count(0, 2), "not understated");
    }

    function test_count_onlyTheExecutorsClaimsInTheBatchOnce() public {
        for (uint256 i = 0; i < 2; i++) _claim(100 ether);
        _commit(_words(executor, 2 * TOKEN, 100 * TOKEN), 2 * TOKEN);
        _count(0, 1);
        _refuseCount(0, executor, totals);
        _refuseCount(1, stranger, totals);
        _refuseCount(1, executor, charged);
        claims[1].insuredValue++;
        _refuseCount(1, executor, totals);
    }

    // Inputs

    function test_input_published_costsTheRequesterItsBond() public {
        (Bound[] memory tensors, bytes[] memory data, bytes32[][] memory siblings) = _input();
        _batch(2, 0);
        _askInput(0, 3);
        assertEq(vault.balanceOf(challenger), WEALTH - 15 ether, "a bond for each part");
        assertEq(requests.unanswered(id), 1, "nothing is final");
        for (uint256 part = 0; part < 3; part++) {
            bytes32[] memory path = siblings[part];
            bytes memory other = bytes.concat(data[part]);
            other[5] = bytes1(uint8(other[5]) + 1);
            vm.expectRevert(IRequests.NotTheInput.selector);
            requests.publishInput(id, batch, claims[0], tensors, other, path);
            vm.expectRevert(IRequests.NotTheInput.selector);
            requests.publishInput(id, batch, claims[0], tensors, data[(part + 1) % 3], siblings[(part + 1) % 3]);
            requests.publishInput(id, batch, claims[0], tensors, data[part], path);
        }
        assertTrue(requests.inputDemandOf(id, disputes.claimDigest(claims[0])).over, "all of it");
        assertEq(requests.unanswered(id), 0, "answered");
        assertEq(vault.balanceOf(coordinator), 15 ether, "the bonds");
        assertConserved();
    }

    /// A whole part, with the calldata that it comes in.
    /// forge-config: default.isolate = true
    function test_gas_publishInput() public {
        (Bound[] memory tensors, bytes[] memory data, bytes32[][] memory siblings) = _input();
        _batch(1, 0);
        _askInput(0, 3);
        requests.publishInput(id, batch, claims[0], tensors, data[0], siblings[0]);
        uint256 used = vm.snapshotGasLastCall("Requests", "publishInput of 64 KiB");
        assertTrue(used <= 4_000_000, "more than its limit");
    }

    function test_input_ofAnotherRootIsNoAnswer() public {
        (Bound[] memory tensors, bytes[] memory data, bytes32[][] memory siblings) = _input();
        _batch(1, 0);
        _askInput(0, 3);
        tensors[0].header = bytes32(uint256(tensors[0].header) ^ 1 << 200);
        vm.expectRevert(IRequests.NotTheInput.selector);
        requests.publishInput(id, batch, claims[0], tensors, data[0], siblings[0]);
    }

    /// Who pays for fewer parts than there are has nothing for it.
    function test_input_inMorePartsThanPaidFor() public {
        (Bound[] memory tensors, bytes[] memory data, bytes32[][] memory siblings) = _input();
        _batch(1, 0);
        _askInput(0, 2);
        requests.publishInput(id, batch, claims[0], tensors, data[0], siblings[0]);
        assertEq(vault.balanceOf(coordinator), 10 ether, "the bonds");
        assertEq(requests.unanswered(id), 0, "over");
    }

    function test_input_withheld_costsTheWholeBond() public {
        (Bound[] memory tensors, bytes[] memory data, bytes32[][] memory siblings) = _input();
        _batch(2, 50 ether);
        _askInput(1, 3);
        requests.publishInput(id, batch, claims[1], tensors, data[0], siblings[0]);
        bytes32 digest = disputes.claimDigest(claims[1]);
        vm.expectRevert(abi.encodeWithSelector(IRequests.TooEarly.selector, batch.committedAt + 10));
        requests.resolveInput(id, batch, totals, charged, digest);
        _later(11);
        vm.expectRevert(abi.encodeWithSelector(IRequests.TooLate.selector, batch.committedAt + 10));
        requests.publishInput(id, batch, claims[1], tensors, data[1], siblings[1]);
        requests.resolveInput(id, batch, totals, charged, digest);
        assertEq(batches.coordinatorOf(coordinator).convictor, challenger, "convicted");
        assertEq(vault.balanceOf(challenger), WEALTH, "its bond back");
        assertTrue(requests.unanswered(id) == 1 && requests.withheld(id), "never final");
        assertConserved();
    }

    function test_input_ofAClaimInTheBatch_inTime_onceAndNotTooLarge() public {
        _batch(2, 0);
        Claim memory stray = claims[0];
        stray.fee++;
        bytes32[] memory proof = proofs[0];
        vm.expectRevert(IRequests.NotTheClaims.selector);
        requests.requestInput(id, batch, stray, proof, 1);
        vm.expectRevert(abi.encodeWithSelector(IRequests.TooManyParts.selector, 65));
        requests.requestInput(id, batch, claims[0], proof, 65);
        _askInput(0, 1);
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IRequests.AlreadyRequested.selector, id));
        requests.requestInput(id, batch, claims[0], proof, 1);
        _later(11);
        vm.expectRevert(abi.encodeWithSelector(IRequests.TooLate.selector, batch.committedAt + 10));
        requests.requestInput(id, batch, claims[1], proofs[1], 1);
    }

    function _withhold() private {
        vm.prank(challenger);
        requests.request(id, batch);
        _later(11);
        requests.resolve(id, batch, totals, charged);
    }

    /// Claims from..to; callers prank.
    function _count(uint256 from, uint256 to) private returns (bool) {
        (Claim[] memory list, bytes32[][] memory paths) = (new Claim[](to - from), new bytes32[][](to - from));
        for (uint256 i = from; i < to; i++) (list[i - from], paths[i - from]) = (claims[i], proofs[i]);
        return charges.countClaims(id, batch, totals, executor, list, paths);
    }

    function _refuseCount(uint256 which, address of_, uint256[] memory totals_) private {
        (Claim[] memory list, bytes32[][] memory paths) = (new Claim[](1), new bytes32[][](1));
        (list[0], paths[0]) = (claims[which], proofs[which]);
        vm.expectRevert(ICharges.NotCounted.selector);
        charges.countClaims(id, batch, totals_, of_, list, paths);
    }

    function _askInput(uint256 which, uint32 parts) private {
        bytes32[] memory proof = proofs[which];
        vm.prank(challenger);
        requests.requestInput(id, batch, claims[which], proof, parts);
    }

    /// uint8[65546], two parts, and float32[3], one.
    function _input() private returns (Bound[] memory tensors, bytes[] memory data, bytes32[][] memory siblings) {
        (tensors, data, siblings) = (new Bound[](2), new bytes[](3), new bytes32[][](3));
        bytes memory large = new bytes(65_546);
        for (uint256 i = 0; i < large.length; i += 7) large[i] = bytes1(uint8(i % 251));
        bytes32[] memory leaves = new bytes32[](2_049);
        for (uint256 i = 0; i < leaves.length; i++) leaves[i] = _chunk(large, i);
        Tree.T memory tree = Tree.build(leaves);
        tensors[0] = Bound(tree.root(), bytes32(uint256(2) << 248 | uint256(1) << 240 | uint256(65_546) << 208));
        (data[0], data[1], data[2]) = (_slice(large, 0, 65_536), _slice(large, 65_536, 10), hex"0000803f0000004000004040");
        (siblings[0], siblings[1]) = (tree.siblings(0, 11, 12), tree.siblings(1, 11, 12));
        tensors[1] = Bound(_chunk(data[2], 0), bytes32(uint256(1) << 248 | uint256(1) << 240 | uint256(3) << 208));
        bytes32[] memory roots = new bytes32[](2);
        for (uint256 i = 0; i < 2; i++) roots[i] = sha256(bytes.concat(tensors[i].dataRoot, tensors[i].header));
        inputRoot = sha256(bytes.concat(sha256(bytes.concat(roots[0], roots[1])), bytes32(uint256(2))));
    }

    function _chunk(bytes memory data, uint256 index) private pure returns (bytes32 chunk) {
        for (uint256 i = 0; i < 32 && 32 * index + i < data.length; i++) chunk |= bytes32(data[32 * index + i]) >> (8 * i);
    }

    function _slice(bytes memory data, uint256 from, uint256 length) private pure returns (bytes memory part) {
        part = new bytes(length);
        for (uint256 i = 0; i < length; i++) part[i] = data[from + i];
    }
}
