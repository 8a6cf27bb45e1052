import { writeFileSync } from 'node:fs';
import { Argument, Option, type Command } from 'commander';
import { getAddress, isAddress } from 'viem';
import { AssayError } from '#core/protocol';
import { readDeployment } from '#io/chain';
import { admitPeer, NetworkFolder, type AdmittedPeer, type PeerFile } from '#testing';
import type { Perform } from '../program.js';

interface AdmitOptions {
  readonly dir: string;
  readonly out?: string;
}

export function addPeer(program: Command, perform: Perform): void {
  program
    .command('peer')
    .description('Let others’ executors and challengers into the local network that runs here.')
    .command('admit')
    .description('Give a peer a login at the broker; prints its peer file, with which it starts. Nothing in it is secret.')
    .addArgument(new Argument('<role>').choices(['executor', 'challenger']))
    .argument('<address>', 'its account')
    .argument('<broker-key>', 'the public key of its login; both are what `assay executor id` prints')
    .option('--dir <folder>', 'folder of the local network', '.assay')
    .addOption(new Option('--out <file>', 'write the peer file there, too'))
    .addHelpText('after', '\nExample:\n  assay peer admit executor 0x90f79bf6eb2c4f870365e785982e1f101e93b906 UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4 --out peer.json')
    .action((role: AdmittedPeer['role'], address: string, publicKey: string, options: AdmitOptions, command: Command) =>
      perform(command, async (terminal) => {
        if (!isAddress(address)) throw new AssayError({ code: 'USAGE', message: `${address} is not an address` });
        const folder = new NetworkFolder(options.dir);
        admitPeer(folder, { role, address: getAddress(address), publicKey });
        const { grpc, rpc, nats } = folder.record()!.ports;
        const at = (port: number) => `127.0.0.1:${port}`;
        const peer: PeerFile = { role, address, coordinator: at(grpc), rpc: `http://${at(rpc)}`, nats: `nats://${at(nats)}`, deployment: await readDeployment(folder.deployment) };
        const text = JSON.stringify(peer, null, 2);
        if (options.out) writeFileSync(options.out, `${text}\n`);
        terminal.result(peer, options.out ? `${role} ${address} is let in; it starts with ${options.out}` : text);
      }),
    );
}
