// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Claim, Model, Request} from "../types/Types.sol";
import {IBatches} from "./IBatches.sol";
import {IChecks} from "./IChecks.sol";

/// Canaries: false claims planted on purpose, to measure what each checker finds (ADR 123).
///
/// A planter commits to a leaf, with a bond, before the claim's batch. The claim answers a request of its own, by an executor
/// of its own: both sign the canary's id. Before the batch is final the planter opens the leaf, found or not: the claim is void
/// then, and its executor loses nothing by it. A planter that says nothing loses the bond, so that a canary is no cover for a
/// lie: the bond is what the executor may answer for by its stake.
///
/// What an opening says the true run is can be disputed like a checker's evidence, with the executor's stake; until that
/// time is over nobody is measured by it.
interface ICanaries {
    enum Phase {
        None,
        Planted,
        Withdrawn,
        Opened,
        Over
    }

    /// What a leaf hides: keccak256(abi.encode(Secret)).
    struct Secret {
        bytes32 jobId;
        address executor;
        /// The output root of its claim, and the one that the model gives.
        bytes32 falseRoot;
        bytes32 trueRoot;
        /// Root of the whole true trace, as in a checker's evidence.
        bytes32 traceRoot;
        bytes32 salt;
    }

    struct Canary {
        address planter;
        uint64 plantedAt;
        Phase phase;
        /// What is left of the bond, in the token's smallest unit.
        uint128 bond;
        /// When it was withdrawn or opened.
        uint64 since;
        /// keccak256(abi.encode(Secret)) once withdrawn, keccak256(abi.encode(Finding)) once opened.
        bytes32 word;
    }

    /// What an opening brings.
    struct Opening {
        Secret secret;
        Claim claim;
        Request request;
        /// By the request's submitter and by the executor, each over the id as a signed message (EIP-191).
        bytes submitterConsent;
        bytes executorConsent;
        uint256 batchId;
        IBatches.Batch batch;
        bytes32[] proof;
        /// Whose open game over the claim found it, if there is one.
        address finder;
    }

    /// What an opening leaves: to be given with every call after it.
    struct Finding {
        uint256 batchId;
        bytes32 claim;
        bytes32 trueRoot;
        bytes32 traceRoot;
        /// Digest of the claim as it should have been: what is disputed if the opening is wrong.
        bytes32 truth;
        /// Whom the opening has paid; zero for nobody.
        address finder;
    }

    struct Detection {
        /// Canaries a checker was drawn for, and those it found.
        uint32 drawn;
        uint32 found;
    }

    event CanaryPlanted(bytes32 indexed id, address indexed planter, uint256 bond);
    event CanaryOpened(bytes32 indexed id, bytes32 indexed claim, Finding finding);
    event CanaryWithdrawn(bytes32 indexed id, bytes32 indexed jobId, Secret secret);
    /// A canary withdrawn as unused had a claim.
    event CanaryUsed(bytes32 indexed id, address indexed by);
    event CanaryDisputed(bytes32 indexed id, bytes32 indexed gameId);
    event CheckerMeasured(bytes32 indexed id, address indexed checker, bool found, uint256 amount);
    /// What was left of the bond went back, or to the pool.
    event CanaryOver(bytes32 indexed id, uint256 returned);

    error AlreadyPlanted(bytes32 id);
    error WrongPhase(Phase phase);
    error WrongSecret();
    error WrongClaim();
    error NoConsent();
    error BondTooLow(uint256 bond, uint256 needed);
    error TooLate(uint256 deadline);
    error TooEarly(uint256 from);
    /// The batch was committed before the canary was planted.
    error PlantedAfter(uint64 committedAt);
    /// A game over the claim is open: who found it has to be named.
    error FinderNeeded();
    error NotMeasurable();
    error AlreadyMeasured(address checker);
    /// A game over what the opening says is not settled.
    error StillDisputed();

    // Planter

    /// Locks the bond out of the caller's balance. The id is keccak256(abi.encode(caller, leaf)).
    function plant(bytes32 leaf, uint128 bond) external returns (bytes32 id);
    /// Opens a leaf whose claim is in a batch that is not final. The claim is void from then on. If games over it are open, one of
    /// their challengers is named and has the bounty, once.
    function open(bytes32 id, Opening calldata opening) external;
    /// Gives a canary up whose executor has made no such claim; the bond comes back by `settle` after the trial.
    function withdraw(bytes32 id, Secret calldata secret) external;

    // Anyone

    /// A claim by the executor of a withdrawn canary, as it said it would make it: the caller has the bounty, the pool the rest of the bond.
    function used(bytes32 id, Secret calldata secret, Claim calldata claim, bytes calldata signature) external;
    /// Disputes what an opening says, within the trial: the executor has to defend it as its own claim, and its trace root. Locks a
    /// dispute's bond.
    function dispute(bytes32 id, Finding calldata finding, Claim calldata claim, Model calldata model) external returns (bytes32 gameId);
    /// Measures a checker that was drawn for the claim, once, after the trial: pays the bounty or takes the fine.
    /// @param evidence what it revealed for the batch; empty if it revealed nothing
    function measure(bytes32 id, Finding calldata finding, IBatches.Batch calldata batch, address checker, IChecks.Evidence[] calldata evidence)
        external;
    /// What is left of a bond: to the planter after the trial of a withdrawn canary or two trials of an opened one; to the pool if the
    /// opening was wrong, or if nothing was opened in time.
    function settle(bytes32 id, Finding calldata finding) external;

    // Views

    /// All zero for one that was not planted.
    function canaryOf(bytes32 id) external view returns (Canary memory);
    /// How many canaries a checker was measured by, and how many it found.
    function detectionOf(address checker) external view returns (Detection memory);
    /// True once a checker was measured by a canary.
    function measured(bytes32 id, address checker) external view returns (bool);
    /// Least bond with which a canary of this executor can be opened now.
    function bondFor(address executor) external view returns (uint256);
    /// What finding a canary pays; out of its bond.
    function bounty() external view returns (uint128);
    /// What missing one costs; out of the checker's stake, to the pool.
    function penalty() external view returns (uint128);
    /// Seconds from planting in which a canary is opened or withdrawn.
    function life() external view returns (uint64);
    /// Seconds in which what an opening, or a withdrawal, says can be shown to be wrong.
    function trial() external view returns (uint64);
}
