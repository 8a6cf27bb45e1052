// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBatches} from "../../src/interfaces/IBatches.sol";
import {IBeacons} from "../../src/interfaces/IBeacons.sol";
import {ICanaries} from "../../src/interfaces/ICanaries.sol";
import {IChecks} from "../../src/interfaces/IChecks.sol";
import {Claim, Game, Request} from "../../src/types/Types.sol";
import {Table} from "../world/Table.sol";
import {ToyTrace} from "../world/ToyTrace.sol";
import {Tree} from "../world/Tree.sol";
import {Test} from "../world/Vm.sol";

/// Everybody does anything in any order: money moves, batches, disputes that one side or the other lets expire.
contract Crowd is Table {
    struct Played {
        Claim claim;
        Request request;
        Game game;
    }

    /// A coordinator that withholds: one after the other, each is convicted once.
    struct Office {
        address holder;
        uint256 batchId;
        IBatches.Batch batch;
        uint256[] charged;
    }

    struct Planted {
        bytes32 id;
        ICanaries.Secret secret;
        Claim claim;
        Request request;
        uint256 batchId;
        IBatches.Batch batch;
        ICanaries.Finding finding;
    }

    uint256 private constant SUBMITTER_KEY = 0x5B;

    Played[] private played;
    Planted[] private planted;
    Office[] private offices;
    bool public overexposed;
    bool public adminTook;
    bool public escaped;

    constructor() {
        submitter = vm.addr(SUBMITTER_KEY);
        found();
        // Every batch has a beacon: half of the checkers are drawn for a claim.
        vm.mockCall(address(beacons), abi.encodeWithSelector(IBeacons.beaconOf.selector), abi.encode(keccak256("beacon")));
    }

    /// Not one of the things the crowd does.
    function setUp() public override {}

    function people() public view returns (address[5] memory) {
        return [executor, challenger, rival, submitter, stranger];
    }

    function office() external view returns (address) {
        return coordinator;
    }

    function bank() external view returns (address) {
        return treasury;
    }

    function vaultOf() external view returns (address, address) {
        return (address(vault), address(token));
    }

    function passTime(uint256 seconds_) external {
        vm.warp(block.timestamp + bound(seconds_, 0, 60));
    }

    function deposit(uint256 who, uint256 amount) external {
        amount = bound(amount, 0, 1e24);
        token.mint(address(this), amount);
        token.approve(address(vault), amount);
        vault.deposit(people()[who % 5], amount);
    }

    function withdraw(uint256 who, uint256 amount) external {
        address account = people()[who % 5];
        amount = bound(amount, 0, vault.balanceOf(account));
        vm.prank(account);
        vault.withdraw(amount);
    }

    function stake(uint256 who, uint256 amount) external {
        address account = people()[who % 5];
        amount = bound(amount, 0, vault.balanceOf(account));
        vm.prank(account);
        vault.stake(uint128(amount));
    }

    function startUnbonding(uint256 who, uint256 amount) external {
        address account = people()[who % 5];
        amount = bound(amount, 0, vault.stakeOf(account).amount);
        vm.prank(account);
        vault.startUnbonding(uint128(amount));
    }

    function withdrawStake(uint256 who) external {
        address account = people()[who % 5];
        if (block.timestamp < vault.stakeOf(account).unbondedAt) {
            uint256 before = vault.balanceOf(account);
            vm.prank(account);
            try vault.withdrawStake() {} catch {}
            if (vault.balanceOf(account) != before) escaped = true;
            return;
        }
        vm.prank(people()[who % 5]);
        vault.withdrawStake();
    }

    function commit(uint256 fee, uint256 insured) external {
        uint256[] memory totals = new uint256[](1);
        uint256[] memory charged = new uint256[](1);
        uint256 amount = bound(fee, 0, vault.balanceOf(submitter) / 1e13);
        uint256 part = bound(insured, 0, 200e6);
        totals[0] = uint256(uint160(executor)) << 96 | amount << 48 | part;
        charged[0] = uint256(uint160(submitter)) << 96 | amount;
        vm.prank(coordinator);
        batches.commit(keccak256("batch"), 1, totals, charged);
        uint256 limit = batches.exposureLimit(vault.stakeOf(executor).amount);
        if (batches.exposureOf(executor) > limit) overexposed = true;
        _look(coordinator);
    }

    function _look(address office_) private {
        (uint256 exposure, uint256 limit) = batches.answeredFor(office_);
        if (exposure > limit) overexposed = true;
    }

    /// A new coordinator posts a batch, is asked for it, and may let it be.
    function withhold(uint256 bond, uint256 fee, uint256 insured) external {
        address holder = address(uint160(0xC100 + offices.length));
        bond = bound(bond, 1_000e6, 10_000e6);
        token.mint(address(this), bond * 1e12);
        token.approve(address(vault), bond * 1e12);
        vault.deposit(address(this), bond * 1e12);
        batches.join(holder, uint40(bond), 0);
        fee = bound(fee, 0, vault.balanceOf(submitter) / 1e13);
        (uint256[] memory totals, uint256[] memory charged) = _amounts(fee, bound(insured, 0, 200e6));
        bytes32 root = keccak256(abi.encode(holder));
        IBatches.Terms memory t = batches.terms();
        offices.push();
        Office storage its = offices[offices.length - 1];
        its.charged = charged;
        (its.holder, its.batchId) = (holder, batches.batchCount() + 1);
        its.batch = IBatches.Batch(
            root, holder, 1, uint64(block.number), uint64(block.timestamp), t.challengeWindow, t.beaconDelay, t.sampleRate, 0,
            keccak256(abi.encodePacked(charged)), keccak256(abi.encodePacked(totals))
        );
        vm.prank(holder);
        batches.commit(root, 1, totals, charged);
        _look(holder);
        vm.prank(rival);
        requests.request(its.batchId, its.batch);
        vm.warp(block.timestamp + 11);
        requests.resolve(its.batchId, its.batch, totals, charged);
    }

    function settleBond(uint256 which, uint256 seconds_) external {
        Office storage its = offices[which % offices.length];
        vm.warp(block.timestamp + bound(seconds_, 0, 60));
        requests.settle(its.holder);
    }

    function refund(uint256 which) external {
        Office storage its = offices[which % offices.length];
        requests.refund(its.batchId, its.batch, its.charged, 0);
    }

    function sweepBond(uint256 which) external {
        requests.sweep(offices[which % offices.length].holder);
    }

    function _amounts(uint256 fee, uint256 insured) private view returns (uint256[] memory totals, uint256[] memory charged) {
        (totals, charged) = (new uint256[](1), new uint256[](1));
        totals[0] = uint256(uint160(executor)) << 96 | fee << 48 | insured;
        charged[0] = uint256(uint160(submitter)) << 96 | fee;
    }

    function collect() external {
        address[] memory list = new address[](1);
        list[0] = executor;
        batches.collect(list);
    }

    function sweep() external {
        batches.sweep(coordinator);
    }

    /// The admin does all it can: no balance changes by it.
    function administer(uint256 rate, bool paused) external {
        uint256 before = _everybodysMoney();
        batches.setTerms(IBatches.Terms(20, 1, uint40(bound(rate, 42_949_672, 1 << 32)), 5_000, 0, 1));
        batches.setPaused(paused);
        if (_everybodysMoney() != before) adminTook = true;
    }

    function _everybodysMoney() private view returns (uint256 sum) {
        for (uint256 i = 0; i < 5; i++) sum += vault.balanceOf(people()[i]) + vault.stakeOf(people()[i]).amount;
        sum += batches.coordinatorOf(coordinator).bond + batches.coordinatorOf(coordinator).float;
    }

    /// A new claim (its request's deadline and its output make it so) or an old one again, by anybody.
    function challenge(uint256 who, uint256 which, bool again) external {
        ToyTrace.Run memory r = honest(small());
        Claim memory message = claimed(r);
        if (again && played.length > 0) {
            Played storage before = played[which % played.length];
            (claim, request) = (before.claim, before.request);
            message = before.claim;
        } else {
            claim.outputRoot = message.outputRoot = keccak256(abi.encode(played.length));
        }
        openClaim(message, r.shape, people()[who % 5]);
        played.push(Played(claim, request, game));
    }

    function reply(uint256 which) external {
        Played storage its = played[which % played.length];
        (game, claim, request) = (its.game, its.claim, its.request);
        ToyTrace.Run memory r = honest(small());
        r.trace.levels[0][shape.valueCount - 1] = claim.outputRoot;
        r.trace = Tree.build(r.trace.levels[0]);
        revealTrace(r);
        its.game = game;
    }

    function letExpire(uint256 which) public {
        Played storage its = played[which % played.length];
        if (its.game.phase >= 4) return;
        vm.warp(block.timestamp + 121);
        game = its.game;
        expire();
        its.game = game;
    }

    function settleOne(uint256 which) external {
        letExpire(which);
        Played memory its = played[which % played.length];
        vm.warp(block.timestamp + 2);
        disputes.settle(words(its.game));
    }

    function compensateOne(uint256 which) external {
        Played memory its = played[which % played.length];
        (claim, request) = (its.claim, its.request);
        compensate(commitClaim());
    }

    /// A canary by anybody, of the executor's, and its batch.
    function plantCanary(uint256 who, uint256 more, uint8 story) external {
        claimed(honest(small()));
        request.nonce = uint64(planted.length + 2);
        (claim.jobId, claim.outputRoot) = (disputes.jobId(request), keccak256(abi.encode("canary", planted.length)));
        ICanaries.Secret memory secret = ICanaries.Secret(claim.jobId, executor, claim.outputRoot, keccak256("true"), keccak256("trace"), 0);
        uint128 bond = uint128(canaries.bondFor(executor) + more % 10 ether);
        vm.prank(people()[who % 5]);
        bytes32 id = canaries.plant(keccak256(abi.encode(secret)), bond);
        vm.warp(block.timestamp + 1);
        ICanaries.Finding memory none;
        uint256 batchId = commitClaim();
        planted.push(Planted(id, secret, claim, request, batchId, batch, none));
        if (story % 3 == 0) return;
        openCanary(planted.length - 1, who, story % 2 == 0);
        if (story % 3 == 1) return;
        for (uint256 i = 0; i < 5; i++) try this.measureChecker(planted.length - 1, i) {} catch {}
    }

    function openCanary(uint256 which, uint256 who, bool disputed) public {
        Planted storage its = planted[which % planted.length];
        address finder = disputed ? people()[who % 5] : address(0);
        if (disputed) openClaim(its.claim, small(), finder);
        if (block.timestamp < its.batch.committedAt + 11) vm.warp(its.batch.committedAt + 11);
        bytes32 message = keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", its.id));
        canaries.open(its.id, ICanaries.Opening(its.secret, its.claim, its.request, _signedBy(SUBMITTER_KEY, message), _signedBy(EXECUTOR_KEY, message), its.batchId, its.batch, new bytes32[](0), finder));
        Claim memory own = its.claim;
        bytes32 digest = disputes.claimDigest(own);
        (own.outputRoot, own.fee, own.insuredValue) = (its.secret.trueRoot, 0, 0);
        its.finding = ICanaries.Finding(its.batchId, digest, its.secret.trueRoot, its.secret.traceRoot, disputes.claimDigest(own), finder);
        if (disputed) played.push(Played(its.claim, its.request, game));
    }

    function giveCanaryUp(uint256 which, bool shown, uint256 who) external {
        Planted storage its = planted[which % planted.length];
        vm.prank(canaries.canaryOf(its.id).planter);
        canaries.withdraw(its.id, its.secret);
        if (!shown) return;
        bytes memory signature = signed(its.claim);
        vm.prank(people()[who % 5]);
        canaries.used(its.id, its.secret, its.claim, signature);
    }

    /// Who has a seat and revealed nothing has missed it.
    function measureChecker(uint256 which, uint256 who) external {
        Planted storage its = planted[which % planted.length];
        vm.warp(block.timestamp + 21);
        canaries.measure(its.id, its.finding, its.batch, people()[who % 5], new IChecks.Evidence[](0));
    }

    function settleCanary(uint256 which, uint256 seconds_) external {
        Planted storage its = planted[which % planted.length];
        vm.warp(block.timestamp + bound(seconds_, 0, 120));
        canaries.settle(its.id, its.finding);
    }

    function takeSeat(uint256 who) external {
        vm.roll(block.number + 1);
        vm.prank(people()[who % 5]);
        checks.takeSeat();
        vm.roll(block.number + 1);
    }

    function _signedBy(uint256 key, bytes32 message) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, message);
        return abi.encodePacked(r, s, v);
    }

    function sweepForfeited(uint256 seconds_) external {
        vm.warp(block.timestamp + bound(seconds_, 0, 600));
        vault.sweepForfeited(executor);
    }
}

contract MoneyTest is Test {
    Crowd private crowd;

    function setUp() public {
        crowd = Crowd(create("Money.t.sol:Crowd", ""));
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(crowd);
    }

    function invariant_exposureIsNeverExceeded() external view {
        assertTrue(!crowd.overexposed(), "exposure");
    }

    function invariant_noAdminReachesUserMoney() external view {
        assertTrue(!crowd.adminTook(), "admin");
    }

    function invariant_stakeStaysUntilUnbonded() external view {
        assertTrue(!crowd.escaped(), "stake");
    }

    /// balances + stakes + bonds + escrow + pool = tokens held, and the sums are the sums of the accounts.
    function invariant_moneyIsConserved() external view {
        (address vault_, address token_) = crowd.vaultOf();
        (uint256 balances, uint256 stakes, uint256 bonds, uint256 escrow, uint256 pool) = VaultLike(vault_).totals();
        assertEq(balances + stakes + bonds + escrow + pool, TokenLike(token_).balanceOf(vault_), "conserved");

        uint256 sum;
        uint256 staked;
        for (uint256 i = 0; i < 5; i++) {
            address who = crowd.people()[i];
            sum += VaultLike(vault_).balanceOf(who);
            (uint128 amount, uint128 unbonding,) = VaultLike(vault_).stakeOf(who);
            staked += uint256(amount) + unbonding;
        }
        sum += VaultLike(vault_).balanceOf(crowd.office()) + VaultLike(vault_).balanceOf(crowd.bank()) + VaultLike(vault_).balanceOf(address(crowd));
        assertEq(sum, balances, "balances");
        assertEq(staked, stakes, "stakes");
        (uint128 forfeited, uint128 forBounties,) = VaultLike(vault_).forfeitedOf(crowd.people()[0]);
        assertTrue(forBounties <= forfeited && forfeited <= escrow, "what is forfeited is in escrow");
    }
}

interface VaultLike {
    function totals() external view returns (uint256, uint256, uint256, uint256, uint256);
    function balanceOf(address) external view returns (uint256);
    function forfeitedOf(address) external view returns (uint128, uint128, uint64);
    function stakeOf(address) external view returns (uint128, uint128, uint64);
}

interface TokenLike {
    function balanceOf(address) external view returns (uint256);
}
