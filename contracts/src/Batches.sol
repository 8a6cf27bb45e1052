// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IBatches} from "./interfaces/IBatches.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Account} from "./libraries/Accounts.sol";
import {Commits} from "./libraries/Commits.sol";
import {Contestable, Exit, Office} from "./types/Offices.sol";

/// @title Batches. Documented in IBatches.
contract Batches is IBatches, AccessManaged {
    using SafeCast for uint256;

    /// One word: the terms, and what else a batch looks at.
    struct State {
        uint32 challengeWindow;
        uint16 beaconDelay;
        uint40 sampleRate;
        uint16 poolBps;
        uint16 protocolBps;
        uint40 coordinatorBond;
        bool paused;
        uint40 batchCount;
    }

    uint256 private constant ONE = 1 << 32;
    uint256 private constant MIN_RATE = ONE / 100;
    uint256 private constant BASIS_POINTS = 10_000;
    uint256 private constant MAX_SHARES = 5_000;
    uint256 private constant MAX_BEACON_DELAY = 64;
    /// WHY half: a coordinator that contests its own charges has one of two tokens seized back (docs/adr/0126).
    uint256 private constant KEPT = 2;

    IVault public immutable VAULT;
    address public immutable TREASURY;
    address public immutable CHARGES;
    address public immutable REQUESTS;
    uint256 public immutable override unit;
    uint64 public immutable override epoch;
    uint64 public immutable override exitDelay;
    /// Share of a forfeited stake that stays lost when its owner plays against itself, in basis points.
    uint256 private immutable LOST_BPS;

    State private _state;
    mapping(uint256 batchId => bytes32) public override batchHash;
    mapping(address account => Office) private _offices;
    mapping(address coordinator => Contestable) private _contestable;
    mapping(address coordinator => Exit) private _exits;
    mapping(address executor => Account) private _executors;

    struct Setting {
        address authority;
        IVault vault;
        IERC20Metadata token;
        address treasury;
        address charges;
        address requests;
        uint64 epoch;
        uint64 exitDelay;
        /// Disputes' share of a forfeited stake for bounties, in basis points.
        uint16 bountyBps;
        Terms terms;
    }

    constructor(Setting memory s) AccessManaged(s.authority) {
        VAULT = s.vault;
        TREASURY = s.treasury;
        CHARGES = s.charges;
        REQUESTS = s.requests;
        uint8 decimals = s.token.decimals();
        unit = decimals > 6 ? 10 ** (decimals - 6) : 1;
        epoch = s.epoch;
        exitDelay = s.exitDelay;
        LOST_BPS = BASIS_POINTS - s.bountyBps;
        require(s.epoch > 0 && s.exitDelay >= 2 * s.epoch, BadTerms());
        _setTerms(s.terms);
    }

    // Admin

    /// @inheritdoc IBatches
    function setTerms(Terms calldata terms_) external restricted {
        _setTerms(terms_);
    }

    /// @inheritdoc IBatches
    function setPaused(bool paused_) external restricted {
        _state.paused = paused_;
        emit PausedSet(paused_);
    }

    // Anyone

    /// @inheritdoc IBatches
    function join(address coordinator, uint40 bond, uint40 float) external {
        Office storage its = _offices[coordinator];
        require(_exits[coordinator].freeAt == 0, StillBonded(_exits[coordinator].freeAt));
        its.bond += bond;
        its.float += float;
        emit Joined(coordinator, bond * unit, float * unit);
        VAULT.lockBond(msg.sender, bond * unit);
        VAULT.charge(msg.sender, float * unit);
    }

    /// @inheritdoc IBatches
    function collect(address[] calldata executors) external {
        uint256[] memory payments = new uint256[](executors.length);
        for (uint256 i = 0; i < executors.length; i++) {
            address executor = executors[i];
            Account its = _rolled(executor);
            uint256 fees = its.feesFinal();
            require(fees > 0, NothingToCollect(executor));
            payments[i] = uint256(uint160(executor)) << 96 | fees;
            emit Collected(executor, fees * unit);
            _executors[executor] = its.collected();
        }
        VAULT.payAll(payments, unit);
    }

    /// @inheritdoc IBatches
    function sweep(address coordinator) external {
        Office storage its = _offices[coordinator];
        (uint256 pool, uint256 protocol) = (its.poolDue * unit, its.protocolDue * unit);
        (its.poolDue, its.protocolDue) = (0, 0);
        emit Swept(coordinator, pool, protocol);
        VAULT.fund(pool);
        VAULT.pay(TREASURY, protocol);
    }

    // Coordinator

    /// @inheritdoc IBatches
    function commit(bytes32 root, uint32 count, uint256[] calldata totals, uint256[] calldata charges)
        external
        returns (uint256 batchId)
    {
        State memory state = _state;
        require(!state.paused, Paused());
        require(count > 0, EmptyBatch());
        Office memory own = _offices[msg.sender];
        require(own.bond >= state.coordinatorBond, NotCoordinator(msg.sender));
        batchId = ++state.batchCount;
        _state.batchCount = uint40(batchId);

        (uint256 charged, uint64 chargedFrom) = charges.length == 0 ? (0, 0) : _charge(own.bond, batchId, charges);
        // As a Batch is encoded.
        bytes memory its = abi.encode(
            root, msg.sender, count, block.number, block.timestamp, state.challengeWindow, state.beaconDelay, state.sampleRate,
            chargedFrom, Commits.hash(charges), Commits.hash(totals)
        );
        batchHash[batchId] = keccak256(its);
        Commits.log(BatchCommitted.selector, batchId, its, totals, charges);

        if (totals.length > 0 || charged > 0) _settle(own, state, totals, charged);
    }

    /// @inheritdoc IBatches
    function takeFloat(uint40 amount) external {
        _offices[msg.sender].float -= amount;
        emit FloatTaken(msg.sender, amount * unit);
        VAULT.pay(msg.sender, amount * unit);
    }

    /// @inheritdoc IBatches
    function startLeaving() external {
        Office storage own = _offices[msg.sender];
        require(own.bond > 0, NotCoordinator(msg.sender));
        uint40 freeAt = (block.timestamp + exitDelay).toUint40();
        _exits[msg.sender] = Exit(address(0), own.bond, freeAt);
        own.bond = 0;
        emit Leaving(msg.sender, freeAt);
    }

    /// @inheritdoc IBatches
    function withdrawBond() external {
        Exit memory its = _exits[msg.sender];
        require(its.freeAt != 0 && block.timestamp >= its.freeAt && its.convictor == address(0), StillBonded(its.freeAt));
        uint256 bond = its.bond * unit;
        delete _exits[msg.sender];
        emit Left(msg.sender, bond);
        VAULT.releaseBond(msg.sender, bond);
    }

    // Modules

    modifier onlyModule() {
        require(msg.sender == CHARGES || msg.sender == REQUESTS, OnlyModule(msg.sender));
        _;
    }

    /// @inheritdoc IBatches
    function seize(address coordinator, uint256 amount) external onlyModule returns (uint256 taken) {
        (Office storage its, Exit storage exit) = (_offices[coordinator], _exits[coordinator]);
        // INVARIANT: one of the two has no bond.
        uint256 units = Math.min(Math.ceilDiv(amount, unit), uint256(its.bond) + exit.bond);
        if (its.bond > 0) its.bond -= uint40(units);
        else exit.bond -= uint40(units);
        taken = units * unit;
        emit Seized(coordinator, taken);
    }

    /// @inheritdoc IBatches
    function convict(address coordinator, address by) external onlyModule {
        (Office storage its, Exit storage exit) = (_offices[coordinator], _exits[coordinator]);
        if (exit.convictor != address(0)) return;
        uint40 bond = its.bond + exit.bond;
        its.bond = 0;
        // WHY the delay again: charges contested meanwhile are refunded first.
        _exits[coordinator] = Exit(by, bond, (block.timestamp + exitDelay).toUint40());
        emit Convicted(coordinator, by, bond * unit, _exits[coordinator].freeAt);
    }

    /// @inheritdoc IBatches
    function takeLost(address coordinator) external onlyModule returns (address convictor, uint256 bond) {
        Exit storage its = _exits[coordinator];
        require(its.convictor != address(0) && block.timestamp >= its.freeAt, StillBonded(its.freeAt));
        (convictor, bond) = (its.convictor, its.bond * unit);
        its.bond = 0;
    }

    /// @inheritdoc IBatches
    function noteStake(address executor, uint256 amount) external {
        require(msg.sender == address(VAULT), OnlyModule(msg.sender));
        _executors[executor] = _executors[executor].withStake(uint40(Math.min(amount / unit, type(uint40).max)));
    }

    // Views

    /// @inheritdoc IBatches
    function includes(uint256 batchId, Batch calldata its, bytes32 claimDigest, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(claimDigest))));
        return batchHash[batchId] == keccak256(abi.encode(its)) && MerkleProof.verifyCalldata(proof, its.root, leaf);
    }

    /// @inheritdoc IBatches
    function batchCount() external view returns (uint256) {
        return _state.batchCount;
    }

    /// @inheritdoc IBatches
    function coordinatorOf(address account) external view returns (Coordinator memory) {
        (Office memory its, Exit memory exit) = (_offices[account], _exits[account]);
        return Coordinator(
            its.bond + exit.bond, its.float, exit.freeAt, _contestable[account].upTo, its.poolDue, its.protocolDue, exit.convictor
        );
    }

    /// @inheritdoc IBatches
    function isCoordinator(address account) external view returns (bool) {
        return _offices[account].bond >= _state.coordinatorBond;
    }

    /// @inheritdoc IBatches
    function feesOf(address executor) external view returns (uint256 final_, uint256 pending) {
        Account its = _rolled(executor);
        return (its.feesFinal() * unit, its.feesPending() * unit);
    }

    /// @inheritdoc IBatches
    function exposureOf(address executor) external view returns (uint256) {
        return _exposure(_rolled(executor), _weight(_state.sampleRate)) * unit;
    }

    /// @inheritdoc IBatches
    function exposureLimit(uint256 stake) external view returns (uint256) {
        uint256 rate = _state.sampleRate;
        // Rounded down, against the executor.
        return stake * LOST_BPS * rate / (BASIS_POINTS * _weight(rate));
    }

    /// @inheritdoc IBatches
    function answeredFor(address coordinator) external view returns (uint256 exposure, uint256 limit) {
        Office memory its = _offices[coordinator];
        _roll(its);
        uint256 rate = _state.sampleRate;
        return ((uint256(its.exposedBefore) + its.exposedNow) * unit, its.bond * rate / (KEPT * _weight(rate)) * unit);
    }

    /// @inheritdoc IBatches
    function requests() external view returns (address) {
        return REQUESTS;
    }

    /// @inheritdoc IBatches
    function terms() external view returns (Terms memory) {
        State memory s = _state;
        return Terms(s.challengeWindow, s.beaconDelay, s.sampleRate, s.poolBps, s.protocolBps, s.coordinatorBond);
    }

    /// @inheritdoc IBatches
    function paused() external view returns (bool) {
        return _state.paused;
    }

    /// @inheritdoc IBatches
    function challengeWindow() external view returns (uint64) {
        return _state.challengeWindow;
    }

    /// @inheritdoc IBatches
    function beaconDelay() external view returns (uint64) {
        return _state.beaconDelay;
    }

    /// @inheritdoc IBatches
    function sampleRate() external view returns (uint64) {
        return _state.sampleRate;
    }

    function _setTerms(Terms memory t) private {
        require(t.challengeWindow > 0 && t.challengeWindow <= epoch, BadTerms());
        require(t.beaconDelay > 0 && t.beaconDelay <= MAX_BEACON_DELAY, BadTerms());
        require(t.sampleRate >= MIN_RATE && t.sampleRate <= ONE, BadTerms());
        require(uint256(t.poolBps) + t.protocolBps <= MAX_SHARES && t.coordinatorBond > 0, BadTerms());
        State storage s = _state;
        (s.challengeWindow, s.beaconDelay, s.sampleRate) = (t.challengeWindow, t.beaconDelay, t.sampleRate);
        (s.poolBps, s.protocolBps, s.coordinatorBond) = (t.poolBps, t.protocolBps, t.coordinatorBond);
        emit TermsSet(t);
    }

    /// Notes what each executor earns and answers for; the loop is bounded by the coordinator's own calldata.
    function _credit(uint256[] calldata totals, State memory state) private returns (uint256 fees, uint256 exposed) {
        uint256 rate = state.sampleRate;
        uint256 weight = _weight(rate);
        // SAFETY: fees and insured value have 48 bits, amounts 40, rates and shares 33 or fewer; sums are of as many as calldata has.
        unchecked {
            uint256 shares = BASIS_POINTS - state.poolBps - state.protocolBps;
            uint256 odds = LOST_BPS * rate;
            uint256 scale = BASIS_POINTS * weight;
            uint16 now_ = _now();
            uint256 earned;
            for (uint256 i = 0; i < totals.length; i++) {
                uint256 total = totals[i];
                address executor = address(uint160(total >> 96));
                uint256 gross = uint48(total >> 48);
                fees += gross;
                // Rounded down; the remainder is the pool's.
                gross = gross * shares / BASIS_POINTS;
                earned += gross;
                exposed += uint48(total);
                Account its = _executors[executor].rolled(now_).credited(uint48(total), gross);
                _executors[executor] = its;
                uint256 limit = its.stake() * odds / scale;
                // _exposure(its, weight) <= limit, without its division.
                if (its.exposed() * weight + its.feesPending() * ONE > limit * weight) {
                    revert StakeTooLow(executor, _exposure(its, weight), limit);
                }
            }
            exposed += (earned * ONE + weight - 1) / weight;
        }
    }

    /// @param charged what the charges brought, in units
    function _settle(Office memory own, State memory t, uint256[] calldata totals, uint256 charged) private {
        (uint256 fees, uint256 exposed) = _credit(totals, t);
        uint256 available = own.float + charged;
        require(fees <= available, UnbalancedBatch(fees, available));
        own.float = (available - fees).toUint40();
        own.protocolDue = (own.protocolDue + fees * t.protocolBps / BASIS_POINTS).toUint40();
        own.poolDue = (own.poolDue + fees * t.poolBps / BASIS_POINTS).toUint40();
        _roll(own);
        uint256 rate = t.sampleRate;
        exposed += own.exposedNow;
        uint256 all = exposed + own.exposedBefore;
        // exposure · q ≤ p · bond / 2; then what is exposed is below 2^40.
        if (all * KEPT * _weight(rate) > own.bond * rate) revert OverExposed(all, own.bond * rate / (KEPT * _weight(rate)));
        own.exposedNow = uint40(exposed);
        _offices[msg.sender] = own;
    }

    /// Charges submitters. What can still be contested, and as much again, never exceeds the bond that refunds it.
    function _charge(uint256 bond, uint256 batchId, uint256[] calldata charges) private returns (uint256 charged, uint64 from) {
        charged = VAULT.chargeAll(charges, unit);
        Contestable memory its = _contestable[msg.sender];
        from = its.upTo;
        uint16 now_ = _now();
        uint16 passed;
        unchecked {
            passed = now_ - its.epoch;
        }
        if (passed > 0) its = Contestable(now_, 0, passed == 1 ? its.now_ : 0, 0);
        uint256 sum = charged + its.before + its.now_;
        require(KEPT * sum <= bond, BondTooLow(sum, bond / KEPT));
        its.now_ += uint40(charged);
        its.upTo = uint64(batchId);
        _contestable[msg.sender] = its;
    }

    /// As of this epoch: what lies two epochs back is final.
    function _roll(Office memory its) private view {
        uint16 now_ = _now();
        uint16 passed;
        unchecked {
            passed = now_ - its.epoch;
        }
        if (passed == 0) return;
        (its.epoch, its.exposedBefore, its.exposedNow) = (now_, passed == 1 ? its.exposedNow : 0, 0);
    }

    function _rolled(address executor) private view returns (Account) {
        return _executors[executor].rolled(_now());
    }

    /// The epoch, its last 16 bits.
    function _now() private view returns (uint16) {
        return uint16(block.timestamp / epoch);
    }

    /// Insured value not final, and fees not final as the work a liar saves; rounded up, against the executor.
    function _exposure(Account its, uint256 weight) private pure returns (uint256) {
        // SAFETY: amounts have 41 bits, rates 33, and a weight is not zero.
        unchecked {
            return its.exposed() + (its.feesPending() * ONE + weight - 1) / weight;
        }
    }

    /// max(p, 1 − p). WHY not 1 − p alone: above one half a liar that insures for itself would have its stake back.
    function _weight(uint256 rate) private pure returns (uint256) {
        return Math.max(rate, ONE - rate);
    }
}
