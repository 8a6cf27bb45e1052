// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IBatches} from "./interfaces/IBatches.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IRequests} from "./interfaces/IRequests.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title Requests. Documented in IRequests.
contract Requests is IRequests {
    /// Leaves in one part at most: 2^7, about 90 kB of calldata.
    uint256 private constant PART_LEVELS = 7;

    IVault public immutable VAULT;
    IBatches public immutable BATCHES;
    IDisputes public immutable DISPUTES;
    uint96 public immutable override requestBond;
    uint64 public immutable override publishWindow;

    mapping(uint256 batchId => Demand) private _demands;
    mapping(uint256 batchId => mapping(uint256 index => bool)) private _refunded;

    constructor(IVault vault, IBatches batches, IDisputes disputes, uint96 bond, uint64 window) {
        VAULT = vault;
        BATCHES = batches;
        DISPUTES = disputes;
        requestBond = bond;
        publishWindow = window;
    }

    /// @inheritdoc IRequests
    function request(uint256 batchId, IBatches.Batch calldata batch) external {
        _requireBatch(batchId, batch);
        uint256 until = batch.committedAt + BATCHES.epoch() - publishWindow;
        require(block.timestamp <= until, TooLate(until));
        require(_demands[batchId].requester == address(0), AlreadyRequested(batchId));
        Demand memory its;
        its.requester = msg.sender;
        its.deadline = uint64(block.timestamp) + publishWindow;
        // SAFETY: a count is a uint32, so there are fewer than 2^32 parts.
        its.bond = uint128(requestBond * partsOf(batch.count));
        _demands[batchId] = its;
        emit Requested(batchId, msg.sender, its.deadline);
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
        if (its.over) VAULT.releaseBond(batch.coordinator, its.bond);
    }

    /// @inheritdoc IRequests
    function resolve(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata charges) external {
        Demand memory its = _open(batchId, batch);
        require(block.timestamp > its.deadline, TooEarly(its.deadline));
        require(keccak256(abi.encodePacked(charges)) == batch.charges, NoSuchBatch());
        uint256 charged;
        for (uint256 i = 0; i < charges.length; i++) charged += uint96(charges[i]);
        charged *= BATCHES.unit();
        uint256 taken = BATCHES.seize(batch.coordinator, 2 * charged);
        its.over = true;
        its.seized = uint128(Math.min(taken, charged));
        its.charged = uint128(charged);
        _demands[batchId] = its;
        emit Withheld(batchId, its.seized);
        VAULT.releaseBond(its.requester, its.bond);
        VAULT.forfeitBond(taken - its.seized);
    }

    /// @inheritdoc IRequests
    function refund(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata charges, uint256 index) external {
        _requireBatch(batchId, batch);
        Demand memory its = _demands[batchId];
        require(
            its.charged > 0 && index < charges.length && !_refunded[batchId][index]
                && keccak256(abi.encodePacked(charges)) == batch.charges,
            NothingToRefund()
        );
        _refunded[batchId][index] = true;
        address submitter = address(uint160(charges[index] >> 96));
        // Rounded down: the parts never exceed what was seized.
        uint256 amount = uint96(charges[index]) * BATCHES.unit() * its.seized / its.charged;
        emit Refunded(batchId, submitter, amount);
        VAULT.releaseBond(submitter, amount);
    }

    /// @inheritdoc IRequests
    function demandOf(uint256 batchId) external view returns (Demand memory) {
        return _demands[batchId];
    }

    /// @inheritdoc IRequests
    function partsOf(uint256 count) public pure returns (uint256) {
        uint256 levels = Math.log2(count, Math.Rounding.Ceil);
        return levels <= PART_LEVELS ? 1 : 1 << (levels - PART_LEVELS);
    }

    function _requireBatch(uint256 batchId, IBatches.Batch calldata batch) private view {
        require(BATCHES.batchHash(batchId) == keccak256(abi.encode(batch)), NoSuchBatch());
    }

    function _open(uint256 batchId, IBatches.Batch calldata batch) private view returns (Demand memory its) {
        _requireBatch(batchId, batch);
        its = _demands[batchId];
        require(its.requester != address(0) && !its.over, NotRequested(batchId));
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
