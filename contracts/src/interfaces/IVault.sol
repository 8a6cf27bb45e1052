// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Holds every token of the network. Conservation: balances + stakes + bonds + escrow + pool = token balance
/// (tokens sent here past `deposit` come on top and belong to nobody).
/// Only modules (fixed at deployment) move value between the buckets; only owners take value out of their own balance.
interface IVault {
    struct Stake {
        uint128 amount;
        uint128 unbonding;
        uint64 unbondedAt;
    }

    /// What an executor that lost has lost, less what was paid out of it; held in escrow.
    struct Forfeited {
        uint128 amount;
        /// The part of it that bounties may still take.
        uint128 forBounties;
        uint64 sweepableAt;
    }

    event Deposited(address indexed account, address indexed from, uint256 amount);
    event Withdrawn(address indexed account, uint256 amount);
    event Staked(address indexed executor, uint256 amount, uint256 total);
    event UnbondingStarted(address indexed executor, uint256 amount, uint64 unbondedAt);
    event StakeWithdrawn(address indexed executor, uint256 amount);
    event BondLocked(address indexed account, uint256 amount);
    event BondReleased(address indexed to, uint256 amount);
    event Charged(address indexed submitter, uint256 amount);
    event Credited(address indexed account, uint256 amount);
    event StakeForfeited(address indexed executor, uint256 amount, uint64 sweepableAt);
    event Fined(address indexed checker, uint256 amount);
    event Funded(uint256 amount);

    error InsufficientBalance(address account, uint256 needed, uint256 available);
    error InsufficientStake(address executor, uint256 needed, uint256 available);
    error StillUnbonding(uint64 unbondedAt);
    error NotModule(address caller);
    error TokenTookAFee(uint256 expected, uint256 received);
    /// The token took back what it had delivered (a rebasing token): nothing more is taken in.
    error TokenRebased(uint256 owed, uint256 held);

    // Anyone

    /// Takes the caller's tokens (approved before) into `account`'s balance. A token that delivers less than it took
    /// is refused.
    function deposit(address account, uint256 amount) external;
    /// The same with an EIP-2612 permit by the caller instead of an approval.
    function depositWithPermit(address account, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;
    /// From the caller's balance to the caller.
    function withdraw(uint256 amount) external;
    /// From the caller's balance to its stake.
    function stake(uint128 amount) external;
    /// Takes stake out of service; after the unbonding delay it can be withdrawn. Until then it can be forfeited.
    /// A second call before that adds to the first and starts the delay again for all of it.
    function startUnbonding(uint128 amount) external;
    /// From the caller's unbonded stake to its balance.
    function withdrawStake() external;
    /// What is left of a forfeited stake to the verification pool, an unbonding delay after it was forfeited.
    function sweepForfeited(address executor) external;

    // Modules

    /// From an account's balance to the bonds.
    function lockBond(address account, uint256 amount) external;
    /// From the bonds to an account's balance.
    function releaseBond(address to, uint256 amount) external;
    /// From a submitter's balance to escrow.
    function charge(address submitter, uint256 amount) external;
    /// The same for many; each word is account << 96 | amount in units of `unit`. Returns their sum in those units.
    function chargeAll(uint256[] calldata charges, uint256 unit) external returns (uint256 units);
    /// As `pay`, for many; words as in `chargeAll`.
    function payAll(uint256[] calldata payments, uint256 unit) external;
    /// From the verification pool to an account's balance, as far as the pool reaches; returns what that was.
    function reward(address account, uint256 amount) external returns (uint256 paid);
    /// From the bonds to the verification pool.
    function forfeitBond(uint256 amount) external;
    /// From escrow to an account's balance.
    function pay(address account, uint256 amount) external;
    /// Takes all of an executor's stake, bonded and unbonding, for ever; returns what was there.
    /// @param bountyBps share of it, in basis points, that bounties may take
    function forfeit(address executor, uint256 bountyBps) external returns (uint256 taken);
    /// From a stake to the pool, in service first, then unbonding; returns what was there.
    function fine(address checker, uint256 amount) external returns (uint256 taken);
    /// Out of a forfeited stake to an account's balance, as far as the bounties' part reaches; returns what was paid.
    function payBounty(address executor, address to, uint256 amount) external returns (uint256 paid);
    /// Out of a forfeited stake to an account's balance, as far as it reaches; returns what was paid.
    function payCompensation(address executor, address to, uint256 amount) external returns (uint256 paid);
    /// From escrow to the verification pool.
    function fund(uint256 amount) external;

    // Views

    /// What an account can spend or withdraw.
    function balanceOf(address account) external view returns (uint256);
    /// An executor's stake, in service and leaving.
    function stakeOf(address executor) external view returns (Stake memory);
    /// What is left of what an executor lost.
    function forfeitedOf(address executor) external view returns (Forfeited memory);
    /// Sums over all accounts; together they are what this contract holds.
    function totals() external view returns (uint256 balances, uint256 stakes, uint256 bonds, uint256 escrow, uint256 pool);
    /// Seconds between startUnbonding and withdrawStake: longer than challenge window and longest dispute together.
    function unbondingDelay() external view returns (uint64);
    /// The ERC-20 that all amounts are in.
    function token() external view returns (address);
}
