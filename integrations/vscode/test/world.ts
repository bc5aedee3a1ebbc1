/** A state directory of its own for the real genv, with four simulated devices, and processes to be members. */
import { spawn, type ChildProcess } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Genv } from '../src/core/genv.ts';

export const genvPath = process.env['GENV_BIN'] ?? 'genv';

export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'genv-vscode-'));
  readonly env: NodeJS.ProcessEnv;
  readonly genv: Genv;
  private readonly started: ChildProcess[] = [];

  constructor(devices = 4) {
    this.env = { PATH: process.env['PATH'], HOME: this.folder, GENV_TMPDIR: join(this.folder, 'state'), GENV_DEVICES: String(devices) };
    this.genv = new Genv(genvPath, this.env);
  }

  /** A process that stands for the extensions of a window. */
  host(): ChildProcess & { pid: number } {
    const host = spawn('sleep', ['600'], { stdio: 'ignore' });
    this.started.push(host);
    if (host.pid === undefined) {
      throw new Error('sleep cannot be started');
    }
    return host as ChildProcess & { pid: number };
  }

  call(...words: string[]): string {
    return execFileSync(genvPath, words, { env: this.env, encoding: 'utf8' }).trim();
  }

  /** A program in place of genv. */
  program(name: string, script: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  /** The same, which is genv but for what the script does first. */
  around(name: string, script: string): string {
    return this.program(name, `${script}\nexec ${genvPath} "$@"`);
  }

  async end(): Promise<void> {
    for (const process of this.started) {
      process.kill('SIGKILL');
    }
    const members = this.call('envs', 'query', '--query', 'pids').split(/\s+/).filter(Boolean).map(Number);
    for (const pid of members) {
      try {
        process.kill(pid, 'SIGTERM');
      } catch {
        // it has ended meanwhile
      }
    }
    await sleep(0);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) {
    await sleep(20);
  }
}
