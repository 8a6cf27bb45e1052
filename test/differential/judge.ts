import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPublicClient, decodeFunctionResult, encodeDeployData, encodeFunctionData, http, type Abi, type Address, type Hex, type PublicClient, type StateOverride } from 'viem';
import { STEP_FAMILIES } from '#io/chain';
import { PROJECT_ROOT, startAnvil, type RunningAnvil } from '#testing';
import type { JudgeArguments } from './witness.js';

export interface Judged {
  readonly stepCount: bigint;
  readonly state: bigint;
  /** What the call of judge cost, calldata not included. */
  readonly gas: number;
}

const STEPS = '0x0000000000000000000000000000000057e95000';
const familyAt = (i: number): Address => `0x00000000000000000000000000000000fa30000${i}`;
const METER = '0x000000000000000000000000000000003e7e2000';
/** Calls in one eth_call: about 5 million gas. */
const BATCH = 100;

/** The Steps contract on a real EVM, asked many questions at once. */
export class Judge {
  private constructor(
    private readonly anvil: RunningAnvil,
    private readonly client: PublicClient,
    private readonly code: StateOverride,
    private readonly folder: string,
  ) {}

  static async start(): Promise<Judge> {
    const folder = mkdtempSync(join(tmpdir(), 'assay-differential-'));
    const anvil = await startAnvil({ logFile: join(folder, 'anvil.log') });
    const client = createPublicClient({ transport: http(anvil.rpcUrl) });
    // A constructor returns the runtime code.
    const runtime = async (name: string, args: readonly Address[] = []): Promise<Hex> => {
      const { abi, bytecode } = artifact(name);
      return (await client.call({ data: encodeDeployData({ abi, bytecode, args }) })).data!;
    };
    const families = await Promise.all(STEP_FAMILIES.map(async (name, i) => ({ address: familyAt(i), code: await runtime(name) })));
    const code = [
      ...families,
      { address: STEPS, code: await runtime('Steps', families.map(({ address }) => address)) },
      { address: METER, code: await runtime('StepMeter') },
    ] as const;
    return new Judge(anvil, client, [...code], folder);
  }

  async stop(): Promise<void> {
    await this.anvil.stop();
    rmSync(this.folder, { recursive: true });
  }

  /** Answers in the order of the questions; undefined where judge reverts. */
  async ask(questions: readonly JudgeArguments[]): Promise<(Judged | undefined)[]> {
    const answers: (Judged | undefined)[] = [];
    for (let from = 0; from < questions.length; from += BATCH) answers.push(...(await this.askBatch(questions.slice(from, from + BATCH))));
    return answers;
  }

  private async askBatch(questions: readonly JudgeArguments[]): Promise<(Judged | undefined)[]> {
    const { abi } = artifact('Steps');
    const calls = questions.map((args) => encodeFunctionData({ abi, functionName: 'judge', args: [...args] }));
    const meter = artifact('StepMeter').abi;
    const data = encodeFunctionData({ abi: meter, functionName: 'run', args: [STEPS, calls] });
    const { data: returned } = await this.client.call({ to: METER, data, stateOverride: this.code, gas: 16_000_000n });
    const measured = decodeFunctionResult({ abi: meter, functionName: 'run', data: returned! }) as { succeeded: boolean; returned: Hex; gasUsed: bigint }[];
    return measured.map((one) => {
      if (!one.succeeded) return undefined;
      const [stepCount, state] = decodeFunctionResult({ abi, functionName: 'judge', data: one.returned }) as [bigint, bigint];
      return { stepCount, state, gas: Number(one.gasUsed) };
    });
  }
}

function artifact(name: string): { abi: Abi; bytecode: Hex } {
  return JSON.parse(readFileSync(join(PROJECT_ROOT, `contracts/out/${name}.json`), 'utf8')) as { abi: Abi; bytecode: Hex };
}
