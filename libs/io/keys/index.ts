export { claimFolder } from './claim-folder.js';
export { KeyBook, type ApiKey, type NewKey } from './key-book.js';
export { KeyAccount, SpendingBook, type Reservation } from './spending.js';
