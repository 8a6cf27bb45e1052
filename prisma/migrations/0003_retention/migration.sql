-- AlterTable
ALTER TABLE "Job" ADD COLUMN "clearedAt" TIMESTAMP(3);

-- AlterTable
ALTER TABLE "Tensor" ADD COLUMN "usedAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;

-- CreateIndex
CREATE INDEX "Job_clearedAt_state_updatedAt_idx" ON "Job"("clearedAt", "state", "updatedAt");
