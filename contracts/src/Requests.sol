// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IBatches} from "./interfaces/IBatches.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IRequests} from "./interfaces/IRequests.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Bound, Inputs} from "./libraries/Inputs.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Claim, Request} from "./types/Types.sol";

/// @title Requests. Documented in IRequests.
contract Requests is IRequests {
    using SafeCast for uint256;

    /// Leaves in one part at most: 2^7, about 90 kB of calldata.
    uint256 private constant PART_LEVELS = 7;
    uint256 private constant MAX_INPUT_PARTS = 64;
    /// The convictor's share of what is left of a lost bond: one in so many.
    uint256 private constant BOUNTY = 10;

    IVault public immutable VAULT;
    IBatches public immutable BATCHES;
    IDisputes public immutable DISPUTES;
    uint96 public immutable override requestBond;
    uint64 public immutable override publishWindow;

    mapping(uint256 batchId => Demand) private _demands;
    mapping(bytes32 demandId => InputDemand) private _inputDemands;
    mapping(uint256 batchId => uint256) public override unanswered;
    mapping(uint256 batchId => Loss) private _losses;
    mapping(address coordinator => Pot) private _pots;
    mapping(uint256 batchId => mapping(uint256 index => bool)) private _refunded;
    mapping(bytes32 claimDigest => bool) private _compensated;

    constructor(IVault vault, IBatches batches, IDisputes disputes, uint96 bond, uint64 window) {
        VAULT = vault;
        BATCHES = batches;
        DISPUTES = disputes;
        requestBond = bond;
        publishWindow = window;
    }

    // Claims

    /// @inheritdoc IRequests
    function request(uint256 batchId, IBatches.Batch calldata batch) external {
        uint64 deadline = _deadline(batchId, batch);
        require(_demands[batchId].requester == address(0), AlreadyRequested(batchId));
        Demand memory its;
        its.requester = msg.sender;
        its.deadline = deadline;
        // SAFETY: a count is a uint32, so there are fewer than 2^32 parts.
        its.bond = uint128(requestBond * partsOf(batch.count));
        _demands[batchId] = its;
        unanswered[batchId]++;
        emit Requested(batchId, msg.sender, deadline);
        VAULT.lockBond(msg.sender, its.bond);
    }

    /// @inheritdoc IRequests
    function publish(uint256 batchId, IBatches.Batch calldata batch, Leaf[] calldata leaves, bytes32[] calldata siblings) external {
        Demand memory its = _open(batchId, batch);
        require(block.timestamp <= its.deadline, TooLate(its.deadline));
        uint256 parts = partsOf(batch.count);
        bytes32 node = _rootOf(leaves);
        // INVARIANT: parts are different nodes of one level; together they are all of it, so all leaves are shown.
        require(node > its.lastPart && 1 << siblings.length == parts && _climb(node, siblings) == batch.root, NotTheClaims());
        its.lastPart = node;
        its.parts++;
        its.leaves += uint32(leaves.length);
        require(its.parts < parts || its.leaves == batch.count, NotTheClaims());
        its.over = its.parts == parts;
        _demands[batchId] = its;
        emit Published(batchId, leaves);
        if (its.over) _answered(batchId, batch.coordinator, its.bond);
    }

    /// @inheritdoc IRequests
    function resolve(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata totals, uint256[] calldata charges) external {
        Demand memory its = _open(batchId, batch);
        require(block.timestamp > its.deadline, TooEarly(its.deadline));
        _demands[batchId].over = true;
        _lose(batchId, batch, totals, charges, its.requester);
        VAULT.releaseBond(its.requester, its.bond);
    }

    // Inputs

    /// @inheritdoc IRequests
    function requestInput(uint256 batchId, IBatches.Batch calldata batch, Claim calldata claim, bytes32[] calldata proof, uint32 parts) external {
        uint64 deadline = _deadline(batchId, batch);
        bytes32 digest = DISPUTES.claimDigest(claim);
        require(BATCHES.includes(batchId, batch, digest, proof), NotTheClaims());
        require(parts > 0 && parts <= MAX_INPUT_PARTS, TooManyParts(parts));
        InputDemand storage its = _inputDemands[_idOf(batchId, digest)];
        require(its.requester == address(0), AlreadyRequested(batchId));
        (its.requester, its.deadline, its.parts) = (msg.sender, deadline, parts);
        unanswered[batchId]++;
        emit InputRequested(batchId, digest, msg.sender, deadline);
        VAULT.lockBond(msg.sender, uint256(requestBond) * parts);
    }

    /// @inheritdoc IRequests
    function publishInput(
        uint256 batchId,
        IBatches.Batch calldata batch,
        Claim calldata claim,
        Bound[] calldata tensors,
        bytes calldata data,
        bytes32[] calldata siblings
    ) external {
        bytes32 digest = DISPUTES.claimDigest(claim);
        InputDemand storage its = _openInput(batchId, batch, digest);
        require(block.timestamp <= its.deadline, TooLate(its.deadline));
        require(Inputs.rootOf(tensors) == claim.inputRoot, NotTheInput());
        uint256 parts = Inputs.partsOf(tensors);
        // Who asked for fewer parts than there are has not paid for all of them: what the input is like is in the model.
        if (parts <= its.parts) {
            require(Inputs.isPart(tensors, its.shown, data, siblings), NotTheInput());
            emit InputPublished(batchId, digest, tensors, its.shown++, data);
        }
        its.over = parts > its.parts || its.shown == parts;
        if (its.over) _answered(batchId, batch.coordinator, uint256(requestBond) * its.parts);
    }

    /// @inheritdoc IRequests
    function resolveInput(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata totals, uint256[] calldata charges, bytes32 claimDigest)
        external
    {
        InputDemand storage its = _openInput(batchId, batch, claimDigest);
        require(block.timestamp > its.deadline, TooEarly(its.deadline));
        its.over = true;
        _lose(batchId, batch, totals, charges, its.requester);
        VAULT.releaseBond(its.requester, uint256(requestBond) * its.parts);
    }

    // What a lost bond pays

    /// @inheritdoc IRequests
    function settle(address coordinator) external {
        (address convictor, uint256 bond) = BATCHES.takeLost(coordinator);
        Pot storage its = _pots[coordinator];
        require(its.sweepableAt == 0, NothingToRefund());
        // Rounded down, in favour of the submitters.
        uint256 bounty = bond / BOUNTY;
        its.amount = its.left = (bond - bounty).toUint128();
        its.sweepableAt = uint64(block.timestamp) + BATCHES.exitDelay();
        emit BondSettled(coordinator, convictor, bounty, its.amount, its.owed);
        VAULT.releaseBond(convictor, bounty);
    }

    /// @inheritdoc IRequests
    function refund(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata charges, uint256 index) external {
        _requireBatch(batchId, batch);
        require(
            _losses[batchId].known && index < charges.length && !_refunded[batchId][index]
                && keccak256(abi.encodePacked(charges)) == batch.charges,
            NothingToRefund()
        );
        _refunded[batchId][index] = true;
        _payOut(batchId, batch.coordinator, address(uint160(charges[index] >> 96)), uint96(charges[index]) * BATCHES.unit());
    }

    /// @inheritdoc IRequests
    function compensate(
        uint256 batchId,
        IBatches.Batch calldata batch,
        Claim calldata claim,
        Request calldata asked,
        bytes32[] calldata proof
    ) external {
        bytes32 digest = DISPUTES.claimDigest(claim);
        require(BATCHES.includes(batchId, batch, digest, proof) && DISPUTES.jobId(asked) == claim.jobId, NotTheClaims());
        Loss storage its = _losses[batchId];
        // SAFETY: a claim that insures more than the batch's totals say takes nothing that others' bonds answer for.
        uint256 amount = Math.min(claim.insuredValue, its.insured);
        require(amount > 0 && !_compensated[digest], NothingToRefund());
        _compensated[digest] = true;
        its.insured -= uint128(amount);
        _payOut(batchId, batch.coordinator, asked.submitter, amount);
    }

    /// @inheritdoc IRequests
    function sweep(address coordinator) external {
        Pot storage its = _pots[coordinator];
        require(its.sweepableAt != 0 && block.timestamp > its.sweepableAt, TooEarly(its.sweepableAt));
        uint256 left = its.left;
        its.left = 0;
        VAULT.forfeitBond(left);
    }

    // Views

    /// @inheritdoc IRequests
    function demandOf(uint256 batchId) external view returns (Demand memory) {
        return _demands[batchId];
    }

    /// @inheritdoc IRequests
    function inputDemandOf(uint256 batchId, bytes32 claimDigest) external view returns (InputDemand memory) {
        return _inputDemands[_idOf(batchId, claimDigest)];
    }

    /// @inheritdoc IRequests
    function withheld(uint256 batchId) external view returns (bool) {
        return _losses[batchId].known;
    }

    /// @inheritdoc IRequests
    function potOf(address coordinator) external view returns (Pot memory) {
        return _pots[coordinator];
    }

    /// @inheritdoc IRequests
    function partsOf(uint256 count) public pure returns (uint256) {
        uint256 levels = Math.log2(count, Math.Rounding.Ceil);
        return levels <= PART_LEVELS ? 1 : 1 << (levels - PART_LEVELS);
    }

    function _requireBatch(uint256 batchId, IBatches.Batch calldata batch) private view {
        require(BATCHES.batchHash(batchId) == keccak256(abi.encode(batch)), NoSuchBatch());
    }

    /// Of a request made now, which must be due within an epoch of the batch.
    function _deadline(uint256 batchId, IBatches.Batch calldata batch) private view returns (uint64) {
        _requireBatch(batchId, batch);
        uint256 until = batch.committedAt + BATCHES.epoch() - publishWindow;
        require(block.timestamp <= until, TooLate(until));
        return uint64(block.timestamp) + publishWindow;
    }

    function _open(uint256 batchId, IBatches.Batch calldata batch) private view returns (Demand memory its) {
        _requireBatch(batchId, batch);
        its = _demands[batchId];
        require(its.requester != address(0) && !its.over, NotRequested(batchId));
    }

    function _idOf(uint256 batchId, bytes32 claimDigest) private pure returns (bytes32) {
        return keccak256(abi.encode(batchId, claimDigest));
    }

    function _openInput(uint256 batchId, IBatches.Batch calldata batch, bytes32 claimDigest) private view returns (InputDemand storage its) {
        _requireBatch(batchId, batch);
        its = _inputDemands[_idOf(batchId, claimDigest)];
        require(its.requester != address(0) && !its.over, NotRequested(batchId));
    }

    function _answered(uint256 batchId, address coordinator, uint256 bond) private {
        unanswered[batchId]--;
        VAULT.releaseBond(coordinator, bond);
    }

    /// The batch counts as withheld from now on: what it charged and insured is owed out of the coordinator's whole bond.
    function _lose(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata totals, uint256[] calldata charges, address by) private {
        require(
            keccak256(abi.encodePacked(totals)) == batch.totals && keccak256(abi.encodePacked(charges)) == batch.charges, NoSuchBatch()
        );
        if (_losses[batchId].known) return;
        uint256 insured;
        uint256 charged;
        for (uint256 i = 0; i < totals.length; i++) insured += uint48(totals[i]);
        for (uint256 i = 0; i < charges.length; i++) charged += uint96(charges[i]);
        uint256 unit = BATCHES.unit();
        _losses[batchId] = Loss(true, (insured * unit).toUint128());
        Pot storage pot = _pots[batch.coordinator];
        // WHY not later: what each is paid depends on what all are owed.
        if (pot.sweepableAt == 0) pot.owed += ((insured + charged) * unit).toUint128();
        emit Withheld(batchId, by);
        BATCHES.convict(batch.coordinator, by);
    }

    /// In proportion, if the bond does not reach.
    function _payOut(uint256 batchId, address coordinator, address to, uint256 amount) private {
        Pot storage its = _pots[coordinator];
        require(its.sweepableAt != 0, NothingToRefund());
        // Rounded down: the parts never exceed what there is.
        if (its.amount < its.owed) amount = amount * its.amount / its.owed;
        amount = Math.min(amount, its.left);
        its.left -= uint128(amount);
        emit Refunded(batchId, to, amount);
        VAULT.releaseBond(to, amount);
    }

    /// Root of OpenZeppelin's StandardMerkleTree: node i has children 2i+1 and 2i+2, the leaves are its last nodes,
    /// lowest leaf last. A whole subtree of such a tree is one itself.
    function _rootOf(Leaf[] calldata leaves) private view returns (bytes32) {
        uint256 n = leaves.length;
        require(n > 0 && n <= 1 << PART_LEVELS, NotTheClaims());
        bytes32[] memory tree = new bytes32[](2 * n - 1);
        for (uint256 i = 0; i < n; i++) {
            tree[2 * n - 2 - i] = keccak256(bytes.concat(keccak256(abi.encode(_signedClaim(leaves[i])))));
            require(i == 0 || tree[2 * n - 2 - i] > tree[2 * n - 1 - i], NotTheClaims());
        }
        for (uint256 i = n - 1; i > 0; i--) tree[i - 1] = _pair(tree[2 * i - 1], tree[2 * i]);
        return tree[0];
    }

    /// SAFETY: a claim that its executor never signed, or without its request, can be neither checked nor disputed.
    function _signedClaim(Leaf calldata leaf) private view returns (bytes32 digest) {
        digest = DISPUTES.claimDigest(leaf.claim);
        bool signed = Signatures.isBy(leaf.claim.executor, digest, leaf.signature);
        require(signed && DISPUTES.jobId(leaf.request) == leaf.claim.jobId, NotTheClaims());
    }

    function _climb(bytes32 node, bytes32[] calldata siblings) private pure returns (bytes32) {
        for (uint256 i = 0; i < siblings.length; i++) node = _pair(node, siblings[i]);
        return node;
    }

    function _pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }
}
