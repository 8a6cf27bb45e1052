// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IBatches} from "./interfaces/IBatches.sol";
import {IVault} from "./interfaces/IVault.sol";

/// @title Vault. Documented in IVault.
contract Vault is IVault {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// Sums over all accounts, paired so that a bond or a charge touches as few words as possible.
    struct Totals {
        uint128 balances;
        uint128 bonds;
        uint128 escrow;
        uint128 pool;
        uint128 stakes;
    }

    uint256 private constant BASIS_POINTS = 10_000;

    IERC20 private immutable TOKEN;
    uint64 public immutable override unbondingDelay;
    address public immutable BATCHES;
    address public immutable DISPUTES;
    address public immutable CHARGES;
    address public immutable REQUESTS;
    address public immutable CHECKS;
    address public immutable CANARIES;

    mapping(address account => uint256) public override balanceOf;
    mapping(address executor => Stake) private _stakes;
    mapping(address executor => Forfeited) private _forfeited;
    Totals private _totals;

    /// Modules may not exist yet (their addresses follow from the deployer's nonce).
    struct Modules {
        address batches;
        address disputes;
        address charges;
        address requests;
        address checks;
        address canaries;
    }

    constructor(address token_, uint64 unbondingDelay_, Modules memory modules) {
        TOKEN = IERC20(token_);
        unbondingDelay = unbondingDelay_;
        BATCHES = modules.batches;
        DISPUTES = modules.disputes;
        CHARGES = modules.charges;
        REQUESTS = modules.requests;
        CHECKS = modules.checks;
        CANARIES = modules.canaries;
    }

    modifier onlyModule() {
        require(_isModule(msg.sender), NotModule(msg.sender));
        _;
    }

    // Anyone

    /// @inheritdoc IVault
    function depositWithPermit(address account, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        // SAFETY: whoever saw the permit may have used it already; then the allowance is there.
        try IERC20Permit(address(TOKEN)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        deposit(account, amount);
    }

    /// @inheritdoc IVault
    function deposit(address account, uint256 amount) public {
        uint256 owed = _owed();
        require(TOKEN.balanceOf(address(this)) >= owed, TokenRebased(owed, TOKEN.balanceOf(address(this))));
        _credit(account, amount);
        emit Deposited(account, msg.sender, amount);

        // SAFETY: whatever a token's hooks do in between (deposit or withdraw again), the balance must have grown by
        // exactly this amount, else all of it is undone.
        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = TOKEN.balanceOf(address(this)) - before;
        require(received == amount, TokenTookAFee(amount, received));
    }

    /// @inheritdoc IVault
    function withdraw(uint256 amount) external {
        _debit(msg.sender, amount);

        emit Withdrawn(msg.sender, amount);

        TOKEN.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IVault
    function stake(uint128 amount) external {
        _debit(msg.sender, amount);
        Stake storage own = _stakes[msg.sender];
        own.amount += amount;
        _totals.stakes += amount;

        emit Staked(msg.sender, amount, own.amount);

        IBatches(BATCHES).noteStake(msg.sender, own.amount);
    }

    /// @inheritdoc IVault
    function startUnbonding(uint128 amount) external {
        Stake storage own = _stakes[msg.sender];
        require(amount <= own.amount, InsufficientStake(msg.sender, amount, own.amount));

        own.amount -= amount;
        own.unbonding += amount;
        own.unbondedAt = uint64(block.timestamp) + unbondingDelay;

        emit UnbondingStarted(msg.sender, amount, own.unbondedAt);

        IBatches(BATCHES).noteStake(msg.sender, own.amount);
    }

    /// @inheritdoc IVault
    function withdrawStake() external {
        Stake storage own = _stakes[msg.sender];
        require(block.timestamp >= own.unbondedAt, StillUnbonding(own.unbondedAt));

        uint128 amount = own.unbonding;
        own.unbonding = 0;
        _totals.stakes -= amount;
        _credit(msg.sender, amount);

        emit StakeWithdrawn(msg.sender, amount);
    }

    /// @inheritdoc IVault
    function sweepForfeited(address executor) external {
        Forfeited memory its = _forfeited[executor];
        require(block.timestamp >= its.sweepableAt, StillUnbonding(its.sweepableAt));

        delete _forfeited[executor];
        _totals.escrow -= its.amount;
        _totals.pool += its.amount;

        emit Funded(its.amount);
    }

    // Modules

    /// @inheritdoc IVault
    function lockBond(address account, uint256 amount) external onlyModule {
        _debit(account, amount);
        _totals.bonds += amount.toUint128();

        emit BondLocked(account, amount);
    }

    /// @inheritdoc IVault
    function releaseBond(address to, uint256 amount) external onlyModule {
        _totals.bonds -= amount.toUint128();
        _credit(to, amount);

        emit BondReleased(to, amount);
    }

    /// @inheritdoc IVault
    function charge(address submitter, uint256 amount) external onlyModule {
        _debit(submitter, amount);
        _totals.escrow += amount.toUint128();

        emit Charged(submitter, amount);
    }

    /// @inheritdoc IVault
    function chargeAll(uint256[] calldata charges, uint256 unit) external onlyModule returns (uint256 units) {
        // WHY no event here or in payAll: BatchCommitted has all charges, and Collected has each payment.
        for (uint256 i = 0; i < charges.length; i++) {
            address submitter = address(uint160(charges[i] >> 96));
            uint256 part = uint96(charges[i]);
            uint256 available = balanceOf[submitter];
            require(part * unit <= available, InsufficientBalance(submitter, part * unit, available));
            balanceOf[submitter] = available - part * unit;
            units += part;
        }
        _totals.balances -= (units * unit).toUint128();
        _totals.escrow += (units * unit).toUint128();
    }

    /// @inheritdoc IVault
    function payAll(uint256[] calldata payments, uint256 unit) external onlyModule {
        uint256 units;
        for (uint256 i = 0; i < payments.length; i++) {
            address account = address(uint160(payments[i] >> 96));
            uint256 part = uint96(payments[i]);
            balanceOf[account] += part * unit;
            units += part;
        }
        _totals.escrow -= (units * unit).toUint128();
        _totals.balances += (units * unit).toUint128();
    }

    /// @inheritdoc IVault
    function reward(address account, uint256 amount) external onlyModule returns (uint256 paid) {
        paid = Math.min(amount, _totals.pool);
        _totals.pool -= uint128(paid);
        _credit(account, paid);

        emit Credited(account, paid);
    }

    /// @inheritdoc IVault
    function forfeitBond(uint256 amount) external onlyModule {
        _totals.bonds -= amount.toUint128();
        _totals.pool += amount.toUint128();

        emit Funded(amount);
    }

    /// @inheritdoc IVault
    function pay(address account, uint256 amount) external onlyModule {
        _totals.escrow -= amount.toUint128();
        _credit(account, amount);

        emit Credited(account, amount);
    }

    /// @inheritdoc IVault
    function forfeit(address executor, uint256 bountyBps) external onlyModule returns (uint256 taken) {
        Stake storage own = _stakes[executor];
        uint128 amount = own.amount + own.unbonding;
        if (amount == 0) return 0;

        own.amount = 0;
        own.unbonding = 0;
        _totals.stakes -= amount;
        _totals.escrow += amount;
        Forfeited storage its = _forfeited[executor];
        its.amount += amount;
        // Rounded down, in favour of the submitters.
        its.forBounties += uint128(uint256(amount) * bountyBps / BASIS_POINTS);
        its.sweepableAt = uint64(block.timestamp) + unbondingDelay;

        emit StakeForfeited(executor, amount, its.sweepableAt);

        IBatches(BATCHES).noteStake(executor, 0);
        return amount;
    }

    /// @inheritdoc IVault
    function fine(address checker, uint256 amount) external onlyModule returns (uint256 taken) {
        Stake storage own = _stakes[checker];
        taken = Math.min(amount, uint256(own.amount) + own.unbonding);
        // SAFETY: each part is at most what it is taken from, which is a uint128.
        uint128 served = uint128(Math.min(taken, own.amount));
        own.amount -= served;
        own.unbonding -= uint128(taken) - served;
        _totals.stakes -= uint128(taken);
        _totals.pool += uint128(taken);

        emit Fined(checker, taken);
        emit Funded(taken);

        IBatches(BATCHES).noteStake(checker, own.amount);
    }

    /// @inheritdoc IVault
    function payBounty(address executor, address to, uint256 amount) external onlyModule returns (uint256 paid) {
        Forfeited storage its = _forfeited[executor];
        paid = Math.min(amount, its.forBounties);
        // SAFETY: at most a uint128 in storage.
        its.forBounties -= uint128(paid);
        _payForfeited(its, to, paid);
    }

    /// @inheritdoc IVault
    function payCompensation(address executor, address to, uint256 amount) external onlyModule returns (uint256 paid) {
        Forfeited storage its = _forfeited[executor];
        paid = Math.min(amount, its.amount);
        // SAFETY: amount ≤ its.amount, which is a uint128.
        uint128 left = its.amount - uint128(paid);
        if (its.forBounties > left) its.forBounties = left;
        _payForfeited(its, to, paid);
    }

    /// @inheritdoc IVault
    function fund(uint256 amount) external onlyModule {
        _totals.escrow -= amount.toUint128();
        _totals.pool += amount.toUint128();

        emit Funded(amount);
    }

    // Views

    /// @inheritdoc IVault
    function stakeOf(address executor) external view returns (Stake memory) {
        return _stakes[executor];
    }

    /// @inheritdoc IVault
    function forfeitedOf(address executor) external view returns (Forfeited memory) {
        return _forfeited[executor];
    }

    /// @inheritdoc IVault
    function totals()
        external
        view
        returns (uint256 balances, uint256 stakes, uint256 bonds, uint256 escrow, uint256 pool)
    {
        Totals memory all = _totals;
        return (all.balances, all.stakes, all.bonds, all.escrow, all.pool);
    }

    /// @inheritdoc IVault
    function token() external view returns (address) {
        return address(TOKEN);
    }

    /// @param paid at most what is left of `its`
    function _payForfeited(Forfeited storage its, address to, uint256 paid) private {
        its.amount -= uint128(paid);
        _totals.escrow -= uint128(paid);
        _credit(to, paid);

        emit Credited(to, paid);
    }

    function _isModule(address caller) private view returns (bool) {
        return caller == BATCHES || caller == DISPUTES || caller == CHARGES || caller == REQUESTS || caller == CHECKS
            || caller == CANARIES;
    }

    function _owed() private view returns (uint256) {
        Totals memory all = _totals;
        return uint256(all.balances) + all.bonds + all.escrow + all.pool + all.stakes;
    }

    function _credit(address account, uint256 amount) private {
        balanceOf[account] += amount;
        _totals.balances += amount.toUint128();
    }

    function _debit(address account, uint256 amount) private {
        uint256 available = balanceOf[account];
        require(amount <= available, InsufficientBalance(account, amount, available));

        balanceOf[account] = available - amount;
        // SAFETY: amount ≤ balanceOf[account] ≤ balances, which is a uint128.
        _totals.balances -= uint128(amount);
    }
}
