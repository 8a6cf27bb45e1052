-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "JobState" AS ENUM ('accepted', 'assigned', 'answered', 'batched', 'challengeable', 'disputed', 'upheld', 'overturned', 'final', 'failed', 'expired');

-- CreateEnum
CREATE TYPE "BatchState" AS ENUM ('fixed', 'landed', 'final');

-- CreateEnum
CREATE TYPE "DisputeState" AS ENUM ('open', 'upheld', 'overturned');

-- CreateTable
CREATE TABLE "Model" (
    "id" TEXT NOT NULL,
    "file" TEXT NOT NULL,
    "bytes" INTEGER NOT NULL,
    "signature" JSONB NOT NULL,
    "profile" TEXT NOT NULL,
    "registeredAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "Model_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ModelName" (
    "name" TEXT NOT NULL,
    "modelId" TEXT NOT NULL,

    CONSTRAINT "ModelName_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "Tensor" (
    "root" TEXT NOT NULL,
    "header" TEXT NOT NULL,
    "bytes" BYTEA NOT NULL,

    CONSTRAINT "Tensor_pkey" PRIMARY KEY ("root")
);

-- CreateTable
CREATE TABLE "Job" (
    "id" TEXT NOT NULL,
    "submitter" TEXT NOT NULL,
    "nonce" DECIMAL(20,0) NOT NULL,
    "modelId" TEXT NOT NULL,
    "request" JSONB NOT NULL,
    "signature" TEXT NOT NULL,
    "fee" DECIMAL(39,0) NOT NULL,
    "inputs" TEXT[],
    "state" "JobState" NOT NULL,
    "executor" TEXT,
    "leaseUntil" TIMESTAMP(3),
    "tried" TEXT[],
    "claimDigest" TEXT,
    "failureCode" TEXT,
    "failureMessage" TEXT,
    "deadline" BIGINT NOT NULL,
    "acceptedAt" TIMESTAMP(3) NOT NULL,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "Job_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Claim" (
    "digest" TEXT NOT NULL,
    "jobId" TEXT NOT NULL,
    "executor" TEXT NOT NULL,
    "coordinator" TEXT NOT NULL,
    "outputRoot" TEXT NOT NULL,
    "fee" DECIMAL(39,0) NOT NULL,
    "insured" DECIMAL(39,0) NOT NULL,
    "signature" TEXT NOT NULL,
    "outputs" TEXT[],
    "batchSeq" INTEGER,
    "leafIndex" INTEGER,
    "answeredAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "Claim_pkey" PRIMARY KEY ("digest")
);

-- CreateTable
CREATE TABLE "Batch" (
    "seq" SERIAL NOT NULL,
    "root" TEXT NOT NULL,
    "count" INTEGER NOT NULL,
    "totals" JSONB NOT NULL,
    "charges" JSONB NOT NULL,
    "state" "BatchState" NOT NULL,
    "chainId" BIGINT,
    "transaction" TEXT,
    "committedBlock" BIGINT,
    "committedAt" BIGINT,
    "fixedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "Batch_pkey" PRIMARY KEY ("seq")
);

-- CreateTable
CREATE TABLE "Dispute" (
    "gameId" TEXT NOT NULL,
    "claimDigest" TEXT NOT NULL,
    "challenger" TEXT NOT NULL,
    "state" "DisputeState" NOT NULL,

    CONSTRAINT "Dispute_pkey" PRIMARY KEY ("gameId")
);

-- CreateTable
CREATE TABLE "Cursor" (
    "name" TEXT NOT NULL,
    "block" BIGINT NOT NULL,

    CONSTRAINT "Cursor_pkey" PRIMARY KEY ("name")
);

-- CreateIndex
CREATE INDEX "ModelName_modelId_idx" ON "ModelName"("modelId");

-- CreateIndex
CREATE UNIQUE INDEX "Job_claimDigest_key" ON "Job"("claimDigest");

-- CreateIndex
CREATE INDEX "Job_state_acceptedAt_idx" ON "Job"("state", "acceptedAt");

-- CreateIndex
CREATE INDEX "Job_submitter_state_idx" ON "Job"("submitter", "state");

-- CreateIndex
CREATE UNIQUE INDEX "Job_submitter_nonce_key" ON "Job"("submitter", "nonce");

-- CreateIndex
CREATE INDEX "Claim_jobId_idx" ON "Claim"("jobId");

-- CreateIndex
CREATE INDEX "Claim_executor_idx" ON "Claim"("executor");

-- CreateIndex
CREATE UNIQUE INDEX "Claim_batchSeq_leafIndex_key" ON "Claim"("batchSeq", "leafIndex");

-- CreateIndex
CREATE UNIQUE INDEX "Batch_root_key" ON "Batch"("root");

-- CreateIndex
CREATE UNIQUE INDEX "Batch_chainId_key" ON "Batch"("chainId");

-- CreateIndex
CREATE INDEX "Batch_state_idx" ON "Batch"("state");

-- CreateIndex
CREATE INDEX "Dispute_claimDigest_state_idx" ON "Dispute"("claimDigest", "state");

-- AddForeignKey
ALTER TABLE "ModelName" ADD CONSTRAINT "ModelName_modelId_fkey" FOREIGN KEY ("modelId") REFERENCES "Model"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Job" ADD CONSTRAINT "Job_modelId_fkey" FOREIGN KEY ("modelId") REFERENCES "Model"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Claim" ADD CONSTRAINT "Claim_jobId_fkey" FOREIGN KEY ("jobId") REFERENCES "Job"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Claim" ADD CONSTRAINT "Claim_batchSeq_fkey" FOREIGN KEY ("batchSeq") REFERENCES "Batch"("seq") ON DELETE SET NULL ON UPDATE CASCADE;
