// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IBatches} from "./interfaces/IBatches.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IRequests} from "./interfaces/IRequests.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Claim} from "./types/Types.sol";

/// @title Requests. Documented in IRequests.
contract Requests is IRequests {
    uint256 private constant MAX_CLAIMS = 256;

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
        uint64 deadline = uint64(block.timestamp) + publishWindow;
        _demands[batchId] = Demand(msg.sender, deadline, false, requestBond, 0, 0);
        emit Requested(batchId, msg.sender, deadline);
        VAULT.lockBond(msg.sender, requestBond);
    }

    /// @inheritdoc IRequests
    function publish(uint256 batchId, IBatches.Batch calldata batch, Claim[] calldata claims) external {
        Demand storage its = _open(batchId, batch);
        require(block.timestamp <= its.deadline, TooLate(its.deadline));
        require(claims.length == batch.count && claims.length <= MAX_CLAIMS && _rootOf(claims) == batch.root, NotTheClaims());
        its.over = true;
        emit Published(batchId, claims);
        VAULT.releaseBond(batch.coordinator, its.bond);
    }

    /// @inheritdoc IRequests
    function resolve(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata charges) external {
        Demand storage its = _open(batchId, batch);
        require(block.timestamp > its.deadline, TooEarly(its.deadline));
        require(keccak256(abi.encodePacked(charges)) == batch.charges, NoSuchBatch());
        uint256 charged;
        for (uint256 i = 0; i < charges.length; i++) charged += uint96(charges[i]);
        charged *= BATCHES.unit();
        uint256 taken = BATCHES.seize(batch.coordinator, 2 * charged);
        its.over = true;
        its.seized = uint128(Math.min(taken, charged));
        its.charged = uint128(charged);
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

    function _requireBatch(uint256 batchId, IBatches.Batch calldata batch) private view {
        require(BATCHES.batchHash(batchId) == keccak256(abi.encode(batch)), NoSuchBatch());
    }

    function _open(uint256 batchId, IBatches.Batch calldata batch) private view returns (Demand storage its) {
        _requireBatch(batchId, batch);
        its = _demands[batchId];
        require(its.requester != address(0) && !its.over, NotRequested(batchId));
    }

    /// Root of OpenZeppelin's StandardMerkleTree: node i has children 2i+1 and 2i+2, the leaves are its last nodes,
    /// lowest leaf last.
    function _rootOf(Claim[] calldata claims) private view returns (bytes32) {
        uint256 n = claims.length;
        bytes32[] memory tree = new bytes32[](2 * n - 1);
        for (uint256 i = 0; i < n; i++) {
            tree[2 * n - 2 - i] = keccak256(bytes.concat(keccak256(abi.encode(DISPUTES.claimDigest(claims[i])))));
            require(i == 0 || tree[2 * n - 2 - i] > tree[2 * n - 1 - i], NotTheClaims());
        }
        for (uint256 i = n - 1; i > 0; i--) {
            (bytes32 a, bytes32 b) = (tree[2 * i - 1], tree[2 * i]);
            tree[i - 1] = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
        }
        return tree[0];
    }
}
