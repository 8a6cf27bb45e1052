// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Batches of claims: one Merkle root (OpenZeppelin StandardMerkleTree over ["bytes32"] claim digests) and one storage
/// word per batch. What an executor earned and answers for is one word too, whatever the number of its batches.
///
/// Amounts in totals and charges are in `unit()`s, millionths of a token, packed with an account into one word:
/// account << 96 | fees << 48 | insuredValue, and account << 96 | amount.
///
/// Time runs in epochs, each at least as long as any challenge window: what was committed in epoch e is final, and no
/// longer counted as exposed, from epoch e + 2 on. Nobody needs to send anything for that.
interface IBatches {
    /// What is set by the admin. Every bound is hard; a batch keeps the terms it was committed under.
    struct Terms {
        /// Seconds after commit during which claims can be challenged; at most an epoch.
        uint32 challengeWindow;
        /// Blocks after the batch's block whose prevrandao is the batch's beacon; 1 to 64.
        uint16 beaconDelay;
        /// Share of jobs each challenger re-runs, in parts of 2^32; 2^32/100 to 2^32.
        uint40 sampleRate;
        /// Shares of the fees in basis points, together at most 5,000; the rest is the executors'.
        uint16 poolBps;
        uint16 protocolBps;
        /// Bond a coordinator needs, in units; above zero.
        uint40 coordinatorBond;
    }

    /// A batch as it is hashed into its storage word.
    struct Batch {
        bytes32 root;
        address coordinator;
        uint32 count;
        uint64 committedBlock;
        uint64 committedAt;
        uint32 challengeWindow;
        uint16 beaconDelay;
        uint40 sampleRate;
        /// The charges pay for the coordinator's batches after this one, up to and with this batch; zero if there are none.
        uint64 chargedFrom;
        /// keccak256 of the packed charges, and of the packed totals, 32 bytes each.
        bytes32 charges;
        bytes32 totals;
    }

    /// Amounts in units.
    struct Coordinator {
        /// In part taken when a contested charge is not answered; all of it when what a batch holds is not shown.
        uint40 bond;
        /// What it advances to executors before submitters are charged.
        uint40 float;
        /// Zero, or when the bond is free: it takes no batch any more.
        uint40 leavesAt;
        uint64 chargedUpTo;
        /// Shares of its batches' fees not yet swept.
        uint40 poolDue;
        uint40 protocolDue;
        /// Zero, or who showed why its bond is lost: it is never a coordinator again.
        address convictor;
    }

    event Joined(address indexed coordinator, uint256 bond, uint256 float);
    event Leaving(address indexed coordinator, uint256 freeAt);
    event Left(address indexed coordinator, uint256 bond);
    event Seized(address indexed coordinator, uint256 amount);
    /// Its bond is lost; contested charges are refunded out of it until `paidAt`, then everybody else.
    event Convicted(address indexed coordinator, address indexed by, uint256 bond, uint256 paidAt);
    event FloatTaken(address indexed coordinator, uint256 amount);
    event TermsSet(Terms terms);
    event PausedSet(bool paused);
    event BatchCommitted(uint256 indexed batchId, address indexed coordinator, Batch batch, uint256[] totals, uint256[] charges);
    event Collected(address indexed executor, uint256 amount);
    event Swept(address indexed coordinator, uint256 pool, uint256 protocol);

    error BadTerms();
    error NotCoordinator(address caller);
    error Paused();
    error EmptyBatch();
    /// Charges and float together do not pay for the fees; in units.
    error UnbalancedBatch(uint256 fees, uint256 available);
    error NothingToCollect(address executor);
    error StakeTooLow(address executor, uint256 exposure, uint256 limit);
    error StillBonded(uint256 freeAt);
    /// Charges that can still be contested would exceed half of the coordinator's bond; in units.
    error BondTooLow(uint256 contestable, uint256 limit);
    /// Insured value and fees of the coordinator's batches would exceed what its bond answers for; in units.
    error OverExposed(uint256 exposure, uint256 limit);
    error OnlyModule(address caller);

    // Admin (AccessManager)

    /// Applies to batches committed from now on.
    function setTerms(Terms calldata terms) external;
    /// While paused no batch is taken; everything else goes on: disputes, contests, payouts, withdrawals.
    function setPaused(bool paused) external;

    // Anyone

    /// Makes an account a coordinator, or adds to its bond and float, out of the caller's Vault balance. Amounts in units.
    function join(address coordinator, uint40 bond, uint40 float) external;
    /// Pays executors everything that is final, over all batches; pays them, whoever calls.
    function collect(address[] calldata executors) external;
    /// Moves the shares of a coordinator's fees to the verification pool and the treasury.
    function sweep(address coordinator) external;

    // Coordinator

    /// Posts a batch. Exposure rule: q · insured value + fees ≤ p · stake · (1 − bounties' share), q = max(p, 1 − p), over
    /// all of an executor's claims that are not final; p the sample rate, stake that is unbonding not counted. Then no
    /// set of false claims has a positive expected gain, not even for a liar that plays against itself. The same over all
    /// of the coordinator's batches that are not final, with half of its bond: then neither has withholding them.
    /// Charges may be left out and made up for by a later batch: until then the float pays.
    function commit(bytes32 root, uint32 count, uint256[] calldata totals, uint256[] calldata charges) external returns (uint256 batchId);
    /// Takes float back into the Vault balance; in units.
    function takeFloat(uint40 amount) external;
    /// No batch any more; after the exit delay `withdrawBond` returns the bond.
    function startLeaving() external;
    /// Takes the bond back, once the exit delay is over.
    function withdrawBond() external;

    // Modules

    /// Takes up to `amount` (not in units) off a coordinator's bond and returns what there was; the Vault still holds it
    /// as a bond, for the module to pass on.
    function seize(address coordinator, uint256 amount) external returns (uint256 taken);
    /// The coordinator loses all of its bond, and its office for ever; the Vault still holds it as a bond. Once.
    function convict(address coordinator, address by) external;
    /// Takes what is left of a convicted coordinator's bond, an exit delay after it was convicted.
    function takeLost(address coordinator) external returns (address convictor, uint256 bond);
    /// What the Vault holds as an executor's stake now.
    function noteStake(address executor, uint256 amount) external;

    // Views

    /// keccak256(abi.encode(Batch)); zero for a batch that is none.
    function batchHash(uint256 batchId) external view returns (bytes32);
    /// True if this is the batch and the claim digest a leaf of it.
    function includes(uint256 batchId, Batch calldata batch, bytes32 claimDigest, bytes32[] calldata proof) external view returns (bool);
    /// Batches so far; the last one has this number, the first one 1.
    function batchCount() external view returns (uint256);
    /// All zero for an account that never was one.
    function coordinatorOf(address account) external view returns (Coordinator memory);
    /// True if it has posted a sufficient bond and is not leaving.
    function isCoordinator(address account) external view returns (bool);
    /// Fees an executor can collect now, and those not final.
    function feesOf(address executor) external view returns (uint256 final_, uint256 pending);
    /// What an executor answers for: insured value of its claims that are not final, and their fees divided by q.
    function exposureOf(address executor) external view returns (uint256);
    /// What a coordinator's batches that are not final insure, with their fees divided by q, and the most it may reach:
    /// bond · p / 2q.
    function answeredFor(address coordinator) external view returns (uint256 exposure, uint256 limit);
    /// Who knows which batches are not shown: IRequests.
    function requests() external view returns (address);
    /// Most that exposureOf may reach with this stake: stake · (1 − bounties' share) · p / q.
    function exposureLimit(uint256 stake) external view returns (uint256);
    /// What applies to the next batch.
    function terms() external view returns (Terms memory);
    /// True while no batch is taken.
    function paused() external view returns (bool);
    /// Seconds in which claims of the next batch are drawn and challenged.
    function challengeWindow() external view returns (uint64);
    /// Blocks between the next batch and the one whose prevrandao is its beacon.
    function beaconDelay() external view returns (uint64);
    /// Share of the next batch that every challenger re-runs, in parts of 2^32.
    function sampleRate() external view returns (uint64);
    /// Smallest unit of the token that amounts here count in: a millionth of a token, or the smallest there is.
    function unit() external view returns (uint256);
    /// Seconds of an epoch.
    function epoch() external view returns (uint64);
    /// Seconds between `startLeaving` and `withdrawBond`.
    function exitDelay() external view returns (uint64);
}
