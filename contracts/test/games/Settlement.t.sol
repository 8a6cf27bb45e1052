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
        disputes.settle(words(game), claim, request);
    }

    function test_settle_onlyEndedGames() public {
        open(honest(small()), challenger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongPhase.selector, 1));
        disputes.settle(words(game), claim, request);
    }

    function test_settle_once() public {
        _convict(challenger);
        settle();
        vm.expectRevert(IDisputes.AlreadySettled.selector);
        disputes.settle(words(game), claim, request);
    }

    function test_settle_needsTheClaimAndTheRequest() public {
        _convict(challenger);
        vm.warp(block.timestamp + 2);
        claim.fee += 1;
        vm.expectRevert(IDisputes.WrongClaim.selector);
        disputes.settle(words(game), claim, request);
        claim.fee -= 1;
        request.submitter = stranger;
        vm.expectRevert(IDisputes.WrongRequest.selector);
        disputes.settle(words(game), claim, request);
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

    /// Two challengers win against one claim: one slash, and both get their bond, whichever is settled first.
    function test_settle_slashesAClaimOnce() public {
        for (uint256 order = 0; order < 2; order++) {
            uint256 before = vm.snapshotState();
            _convict(challenger);
            Game memory first = game;
            _convict(rival);
            Game memory second = game;
            vm.warp(block.timestamp + 2);
            disputes.settle(words(order == 0 ? first : second), claim, request);
            disputes.settle(words(order == 0 ? second : first), claim, request);

            (address early, address late) = order == 0 ? (challenger, rival) : (rival, challenger);
            assertEq(vault.balanceOf(early), WEALTH + 10 ether, "the first settled has the bounty");
            assertEq(vault.balanceOf(late), WEALTH + 5 ether, "the other its bond and what its game cost");
            assertEq(vault.stakeOf(executor).amount, STAKE - 56 ether, "slashed once, and a bond for the second game");
            assertEq(vault.balanceOf(submitter), WEALTH + 31 ether, "compensated once");
            assertConserved();
            vm.revertToState(before);
        }
    }

    /// A liar whose own straw man is settled first gets half the penalty back at most, and whoever checked is paid all the same.
    function test_settle_aStrawManTakesNothingFromWhoChecks() public {
        _convict(rival);
        Game memory straw = game;
        _convict(challenger);
        vm.warp(block.timestamp + 2);
        disputes.settle(words(straw), claim, request);
        disputes.settle(words(game), claim, request);
        assertEq(vault.balanceOf(challenger), WEALTH + 5 ether, "its cost is covered");
        uint256 left = vault.balanceOf(rival) - WEALTH + vault.stakeOf(executor).amount;
        assertEq(left, STAKE - 46 ether, "half the penalty, fee, insured value and a bond are gone for good");
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
        disputes.settle(words(game), claim, request);
        Game memory waiting = game;
        Claim memory its = claim;
        Request memory asked = request;
        open(honest(small()), rival);
        reveal(honest(small()));
        vm.warp(block.timestamp + 121);
        expire();
        assertEq(game.phase, 5, "games go on, clocks too");
        disputes.settle(words(waiting), its, asked);
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
        Request memory unknown;
        vm.warp(block.timestamp + 2);
        disputes.settle(words(game), claim, unknown);
        vm.prank(guardian);
        disputes.pausePayouts(10);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.PayoutPending.selector, block.timestamp + 10));
        disputes.compensate(claim, request);
    }

    /// Nobody has the request: the verdict is carried out all the same, the submitter's money waits.
    function test_settle_withoutTheRequest() public {
        _convict(challenger);
        Request memory known = request;
        Request memory unknown;
        vm.warp(block.timestamp + 2);
        disputes.settle(words(game), claim, unknown);
        bytes32 digest = disputes.claimDigest(claim);
        assertEq(vault.balanceOf(challenger), WEALTH + 10 ether, "the challenger is paid");
        assertEq(disputes.owed(digest), 31 ether, "the submitter's part waits");
        assertConserved();

        known.submitter = stranger;
        vm.expectRevert(IDisputes.WrongRequest.selector);
        disputes.compensate(claim, known);
        vm.prank(stranger);
        disputes.compensate(claim, request);
        assertEq(vault.balanceOf(submitter), WEALTH + 31 ether, "for the submitter, whoever sends it");
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingOwed.selector, digest));
        disputes.compensate(claim, request);
        assertConserved();
    }

    /// A stake that does not suffice: first the bounty, then the submitter as far as it reaches, nothing to the pool.
    function testFuzz_settle_shortStake(uint128 left) public {
        left = uint128(bound(left, 0, STAKE));
        _convict(challenger);
        vm.prank(address(disputes));
        vault.slash(executor, STAKE - left);
        (,,, uint256 escrow,) = vault.totals();
        settle();

        uint256 slashed = left < 51 ether ? left : 51 ether;
        uint256 bounty = slashed < 10 ether ? slashed : 10 ether;
        uint256 compensation = slashed - bounty < 31 ether ? slashed - bounty : 31 ether;
        assertEq(vault.balanceOf(challenger), WEALTH + bounty, "bounty first");
        assertEq(vault.balanceOf(submitter), WEALTH + compensation, "then the submitter");
        (,,, uint256 after_, uint256 pool) = vault.totals();
        assertEq(pool, slashed - bounty - compensation, "the rest to the pool");
        assertEq(after_, escrow, "nothing sticks in escrow");
        assertConserved();
    }

    function test_settle_reachesStakeThatIsLeaving() public {
        _convict(challenger);
        vm.prank(executor);
        vault.startUnbonding(STAKE);
        settle();
        assertEq(vault.stakeOf(executor).unbonding, STAKE - 51 ether, "slashed on its way out");
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
