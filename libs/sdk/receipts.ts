import { claimDigest, jobIdOf, verifyReceipt, type Receipt, type ReceiptFacts, type ReceiptVerdict } from '#core/protocol';
import type { Chain } from '#io/chain';

/** Checks a receipt's signatures and inclusion, and asks the chain about batch, window and disputes. */
export async function verifyOnChain(receipt: Receipt, chain: Chain): Promise<ReceiptVerdict> {
  return verifyReceipt(receipt, await factsFrom(receipt, chain));
}

async function factsFrom(receipt: Receipt, chain: Chain): Promise<ReceiptFacts> {
  const [challengeWindow, now, overturned, batch, unanswered, contractSignatureValid] = await Promise.all([
    chain.batches.challengeWindow(),
    chain.now(),
    chain.disputes.overturned(claimDigest(receipt.network, receipt.claim.message)),
    batchFacts(receipt, chain),
    receipt.batch ? chain.requests.unanswered(receipt.batch.id) : 0n,
    contractSignature(receipt, chain),
  ]);
  return { network: chain.network, challengeWindow, now, overturned, batch, withheld: unanswered > 0n, ...(contractSignatureValid === undefined ? {} : { contractSignatureValid }) };
}

async function batchFacts(receipt: Receipt, chain: Chain): Promise<ReceiptFacts['batch']> {
  if (!receipt.batch) return undefined;
  const { root, coordinator, committedAt } = await chain.batches.batch(receipt.batch.id);
  return committedAt === 0n ? undefined : { root, coordinator, committedAt };
}

/** undefined for an ordinary account. */
async function contractSignature({ network, request }: Receipt, chain: Chain): Promise<boolean | undefined> {
  const address = request.message.submitter;
  if (!(await chain.client.getCode({ address }))) return undefined;
  return chain.contractSigned(address, jobIdOf(network, request.message), request.signature);
}
