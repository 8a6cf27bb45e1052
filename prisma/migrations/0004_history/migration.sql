-- DropIndex
DROP INDEX "Job_submitter_state_idx";

-- DropIndex
DROP INDEX "Batch_state_idx";

-- CreateIndex
CREATE INDEX "Job_submitter_acceptedAt_id_idx" ON "Job"("submitter", "acceptedAt", "id");

-- CreateIndex
CREATE INDEX "Batch_state_committedAt_idx" ON "Batch"("state", "committedAt");

-- CreateIndex
CREATE INDEX "Batch_committedBlock_idx" ON "Batch"("committedBlock");
