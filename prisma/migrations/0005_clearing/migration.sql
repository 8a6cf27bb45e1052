-- CreateIndex
CREATE INDEX "Job_clearedAt_acceptedAt_updatedAt_idx" ON "Job"("clearedAt", "acceptedAt", "updatedAt");
