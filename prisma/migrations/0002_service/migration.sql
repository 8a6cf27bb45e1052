-- AlterEnum
ALTER TYPE "JobState" ADD VALUE 'cancelled';

-- AlterTable
ALTER TABLE "Job" ADD COLUMN "leaseToken" BIGINT NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "Batch" ADD COLUMN "nonce" INTEGER;

-- AlterTable
ALTER TABLE "Cursor" ADD COLUMN "hash" TEXT;

-- AlterTable
ALTER TABLE "Dispute" ADD COLUMN "openedBlock" BIGINT NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "Role" (
    "name" TEXT NOT NULL,
    "holder" TEXT NOT NULL,
    "token" BIGINT NOT NULL,
    "until" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "Role_pkey" PRIMARY KEY ("name")
);

-- CreateIndex
CREATE INDEX "Job_state_submitter_acceptedAt_idx" ON "Job"("state", "submitter", "acceptedAt");
