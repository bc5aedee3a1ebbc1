/** Calling genv: by lists of arguments, never through a shell, and never without a time limit. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { parseEnvironments, parseSnapshot, type Environment, type Snapshot } from './snapshot.ts';

/**
 * What is wrong: there is no genv; it does not know what it was asked; it did not answer; it answered with something
 * else; it refused, as for a count of devices that are not available.
 */
export type Failure = 'missing' | 'old' | 'slow' | 'broken' | 'refused';

export class GenvError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure, message: string) {
    super(message);
    this.failure = failure;
  }
}

/** A field of the configuration: its name, and the option with which `genv envs config` takes a value. */
export type Field = 'name' | 'gpus' | 'gpu-memory';

/** Of a program in an environment; null: it is not set. */
export type Variables = Record<string, string | null>;

export interface KeepOptions {
  pid: number;
  cwd?: string;
  /** Of a new environment, unless the project's configuration has one. */
  name?: string;
  /** Enter this one, as it is, instead of creating one. */
  eid?: string;
  gpus?: number;
  /** False: not to the devices that are configured either. */
  attach?: boolean;
  /** For how long the environment outlives the process. */
  lingerS?: number;
}

export interface Kept {
  eid: string;
  keeper: ChildProcess;
  /** Why the devices that are configured could not be attached. */
  complaints: string[];
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Where genv is: what the user says, or the first one in PATH and where it is installed by default. */
export function findGenv(setting: unknown, env: NodeJS.ProcessEnv): string | undefined {
  if (setting !== undefined && setting !== null && setting !== '') {
    if (typeof setting !== 'string') {
      return undefined; // an editor checks no settings
    }
    const path = setting.startsWith('~/') ? join(homedir(), setting.slice(2)) : setting;
    return isAbsolute(path) && isProgram(path) ? path : undefined;
  }
  const folders = (env['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  return [...folders, join(homedir(), '.local/bin'), '/usr/local/bin', '/usr/bin']
    .map((folder) => join(folder, 'genv'))
    .find(isProgram);
}

/** Ends a keeper, also one that is a script around genv: it leads a group of its own. */
export function stop(keeper: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (keeper.pid === undefined || keeper.exitCode !== null || keeper.signalCode !== null) {
    return;
  }
  try {
    process.kill(-keeper.pid, signal);
  } catch {
    // it has ended meanwhile
  }
}

const notThere = new Set(['ENOENT', 'EACCES', 'EPERM', 'ENOTDIR', 'ENOEXEC', 'ELOOP', 'ENAMETOOLONG']);

/** The error of a program that could not be started, or said too much. */
function explainCode(path: string, code: string): GenvError {
  if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') {
    return new GenvError('broken', `${path} printed too much`);
  }
  return new GenvError(notThere.has(code) ? 'missing' : 'broken', `cannot run ${path}: ${code}`);
}

function withoutPrefix(stderr: string): string[] {
  return stderr
    .split('\n')
    .map((line) => line.replace(/^genv: /, '').trim())
    .filter(Boolean);
}

/** The error of a run that ended with this status and these words. */
function explain(path: string, status: number | null, stderr: string): GenvError {
  const lines = withoutPrefix(stderr);
  const last = lines.at(-1);
  if (!last) {
    return new GenvError('broken', `${path} ended with status ${status ?? 'unknown'}, without a message`);
  }
  const isOld = status === 2 && /unknown (command|option)|invalid choice|unrecognized arguments/.test(last);
  return new GenvError(isOld ? 'old' : 'refused', last);
}

const patienceMs = 15_000;
const outputBytes = 64 * 1024 * 1024;
const answerLength = 64 * 1024; // of 'envs keep': an ID, and why devices could not be attached

export class Genv {
  readonly path: string;
  private readonly env: NodeJS.ProcessEnv;
  private readonly patienceMs: number;

  /** `env` is that of the editor, without what it has from an environment. */
  constructor(path: string, env: NodeJS.ProcessEnv, patience = patienceMs) {
    this.path = path;
    this.env = env;
    this.patienceMs = patience;
  }

  /** The folder with the records of the environments. */
  get recordsFolder(): string {
    return join(this.env['GENV_TMPDIR'] || '/var/tmp/genv', 'envs');
  }

  private run(words: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = {
        env: this.env,
        timeout: this.patienceMs,
        killSignal: 'SIGKILL' as const,
        maxBuffer: outputBytes,
        cwd: '/',
      };
      execFile(this.path, words, options, (error, stdout, stderr) => {
        if (!error) {
          resolve(stdout);
        } else if (typeof error.code === 'string') {
          reject(explainCode(this.path, error.code));
        } else if (error.killed) {
          reject(new GenvError('slow', `genv did not answer within ${this.patienceMs / 1000} seconds`));
        } else {
          reject(explain(this.path, error.code ?? null, stderr));
        }
      });
    });
  }

  private async json(words: string[]): Promise<unknown> {
    const output = await this.run(words);
    try {
      return JSON.parse(output);
    } catch {
      throw new GenvError('broken', `'${this.path} ${words.join(' ')}' did not print JSON`);
    }
  }

  /** Whether it knows what this extension needs: without asking the driver, which may be slow. */
  async check(): Promise<void> {
    const help = await this.run(['envs', 'keep', '--help']);
    if (help.includes('envs keep') && !help.includes('--join')) {
      throw new GenvError('old', `${this.path} does not know 'envs keep --join'`);
    }
  }

  async snapshot(): Promise<Snapshot> {
    return parseSnapshot(await this.json(['snapshot']));
  }

  async environments(): Promise<Environment[]> {
    const json = await this.json(['envs', '--format', 'json']);
    if (!Array.isArray(json)) {
      throw new GenvError('broken', `'${this.path} envs --format json' did not print a list`);
    }
    return parseEnvironments(json);
  }

  async variables(eid: string): Promise<Variables> {
    const json = await this.json(['envs', 'variables', '--eid', eid]);
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      throw new GenvError('broken', `'${this.path} envs variables' did not print variables`);
    }
    return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, typeof value === 'string' ? value : null]));
  }

  async configure(eid: string, field: Field, value: string): Promise<void> {
    const option = { name: '--name', gpus: '--count', 'gpu-memory': '--gpu-memory' }[field];
    await this.run(['envs', 'config', '--eid', eid, field, ...(value ? [`${option}=${value}`] : ['--clear'])]);
  }

  async attach(eid: string, what: { count?: number; index?: number }, share: boolean): Promise<void> {
    await this.run([
      'devices',
      'attach',
      '--eid',
      eid,
      ...(what.count === undefined ? [] : ['--count', String(what.count)]),
      ...(what.index === undefined ? [] : ['--index', String(what.index)]),
      ...(share ? ['--allow-over-subscription'] : []),
    ]);
  }

  async detach(eid: string, index?: number): Promise<void> {
    await this.run(['devices', 'detach', '--eid', eid, ...(index === undefined ? [] : ['--index', String(index)])]);
  }

  async leave(pid: number): Promise<void> {
    await this.run(['envs', 'deactivate', '--pid', String(pid)]);
  }

  /** Starts the process that keeps an environment while `options.pid` may be replaced by another. */
  keep(options: KeepOptions): Promise<Kept> {
    const words = ['envs', 'keep', '--pid', String(options.pid)];
    if (options.eid !== undefined) {
      words.push('--eid', options.eid, '--join', '--no-load');
    }
    if (options.eid !== undefined || options.attach === false) {
      words.push('--no-attach');
    }
    if (options.lingerS !== undefined) {
      words.push('--linger', String(options.lingerS));
    }
    if (options.name) {
      words.push(`--default-name=${options.name}`);
    }
    if (options.gpus !== undefined) {
      words.push('--gpus', String(options.gpus));
    }
    return new Promise((resolve, reject) => {
      const keeper = spawn(this.path, words, {
        env: this.env,
        cwd: options.cwd && existsSync(options.cwd) ? options.cwd : '/',
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      const giveUp = (error: GenvError): void => {
        stop(keeper, 'SIGKILL');
        keeper.stdout.destroy();
        keeper.stderr.destroy();
        reject(error);
      };
      const timer = setTimeout(
        () => giveUp(new GenvError('slow', `genv did not answer within ${this.patienceMs / 1000} seconds`)),
        this.patienceMs,
      );
      const add = (text: string, more: string): string => {
        if (text.length + more.length > answerLength) {
          clearTimeout(timer);
          giveUp(new GenvError('broken', `${this.path} printed too much`));
        }
        return text + more;
      };
      keeper.stdout.setEncoding('utf8').on('data', (text: string) => (stdout = add(stdout, text)));
      keeper.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = add(stderr, text)));
      keeper.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        reject(explainCode(this.path, error.code ?? error.message));
      });
      let open = 2;
      const closed = (): void => {
        open -= 1;
        if (open || !stdout.endsWith('\n')) {
          return; // what is wrong, the end of the process says
        }
        clearTimeout(timer);
        keeper.unref();
        const complaints = withoutPrefix(stderr).filter((line) => !line.startsWith('loaded '));
        resolve({ eid: stdout.trim(), keeper, complaints });
      };
      keeper.stdout.on('end', closed);
      keeper.stderr.on('end', closed);
      keeper.on('close', (status) => {
        clearTimeout(timer);
        reject(explain(this.path, status, stderr));
      });
    });
  }
}
