/** The environment of this window: at most one, from its activation to its end, over reloads of the window. */
import { watch, type FSWatcher } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import type { Claim, Claims } from './claims.ts';
import { GenvError, stop, type Field, type Genv, type Kept, type Variables } from './genv.ts';
import { isCarried } from './processes.ts';
import type { Environment } from './snapshot.ts';

export interface Active {
  environment: Environment;
  variables: Variables;
}

export interface WindowHooks {
  /** The environment has changed, begun or (undefined) ended. */
  changed(active: Active | undefined): void;
  /** Something to tell that is not the answer to a command. */
  tell(message: string): void;
  /** Whether there still is a window. */
  isShown(): Promise<boolean>;
}

const settleMs = 100; // a change is several events of the file system
const takeOverMs = 20_000; // for which the process of before the reload may still run, or look for its window
const lookMs = 250;
const unwatchedMs = 30_000; // between looks where the system watches too many folders already
const lingerS = 20; // for which the environment lasts without a window: a reload on a slow machine

export class WindowEnvironment {
  private readonly claims: Claims;
  private readonly pid: number;
  private readonly uid: number;
  private readonly hooks: WindowHooks;
  private genv: Genv | undefined;
  private current: Active | undefined;
  private keeper: ChildProcess | undefined;
  private watchers: FSWatcher[] = [];
  private settling: NodeJS.Timeout | undefined;
  private looking: NodeJS.Timeout | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private readonly asked = new Set<string>(); // the claims whose holders were asked
  private answering = false;
  private disposed = false;

  constructor(claims: Claims, pid: number, uid: number, hooks: WindowHooks) {
    this.claims = claims;
    this.pid = pid;
    this.uid = uid;
    this.hooks = hooks;
  }

  get active(): Active | undefined {
    return this.current;
  }

  /** Which genv is called from now on. */
  use(genv: Genv): void {
    this.genv = genv;
  }

  private get tool(): Genv {
    if (!this.genv) {
      throw new GenvError('missing', 'genv was not found');
    }
    return this.genv;
  }

  /** One operation at a time: each begins with what the one before has left. */
  private inTurn<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.queue.then(operation);
    this.queue = result.catch(() => undefined);
    return result;
  }

  /** Takes over what this window had before it was reloaded. */
  async resume(): Promise<void> {
    const deadline = Date.now() + takeOverMs;
    while (!this.disposed && !this.current) {
      try {
        if (await this.inTurn(() => this.takeOver(this.claims.list()))) {
          return;
        }
      } catch (error) {
        if (Date.now() > deadline) {
          throw error;
        }
      }
      if (Date.now() > deadline) {
        return;
      }
      await sleep(lookMs);
    }
  }

  /** Whether there is nothing to wait for any more. */
  private async takeOver(claims: Claim[]): Promise<boolean> {
    if (claims.length === 0) {
      return true;
    }
    const alive = new Set((await this.ownEnvironments()).map((environment) => environment.eid));
    let waiting = false;
    for (const claim of claims) {
      if (this.current) {
        return true;
      }
      const isOwn = this.claims.isOwn(claim); // a take-over that has failed halfway
      if (!alive.has(claim.eid)) {
        this.claims.drop(claim);
        this.tellLoss(claim.eid);
      } else if (!isOwn && this.claims.isHeld(claim)) {
        waiting = this.mayBeGivenUp(claim) || waiting;
      } else if (isOwn || this.claims.takeOver(claim)) {
        await this.begin(await this.tool.keep({ pid: this.pid, eid: claim.eid, lingerS }));
        return true;
      }
    }
    return !waiting;
  }

  /** Its holder may be about to end, or find that it has no window any more. */
  private mayBeGivenUp(claim: Claim): boolean {
    const key = `${claim.eid}@${claim.pid}-${claim.start}`;
    if (this.asked.has(key)) {
      return this.claims.isAsked(claim);
    }
    this.asked.add(key);
    this.claims.ask(claim);
    return true;
  }

  /** Another window of the folder asks for the environment. */
  private async answer(eid: string): Promise<void> {
    if (this.answering || !this.claims.isAskedForOwn(eid)) {
      return;
    }
    this.answering = true;
    try {
      if (await this.hooks.isShown()) {
        this.claims.keepOwn(eid);
      } else {
        await this.inTurn(() => this.handOver(eid));
      }
    } finally {
      this.answering = false;
    }
  }

  /** Leaves the environment to whoever asks for it, as soon as that is in it. */
  private async handOver(eid: string): Promise<void> {
    if (this.current?.environment.eid !== eid || !this.claims.release(eid)) {
      return;
    }
    const deadline = Date.now() + takeOverMs;
    while (!(await this.hasHolder(eid))) {
      if (this.disposed || (Date.now() > deadline && this.takeBack(eid))) {
        return; // nobody has come
      }
      await sleep(lookMs);
    }
    this.hooks.tell(`another window of this folder has taken over the environment of this one (${eid}), which had no connection`);
    await this.tool.leave(this.pid);
    this.end();
  }

  private takeBack(eid: string): boolean {
    return this.claims.list().some((claim) => claim.eid === eid && !this.claims.isHeld(claim) && this.claims.takeOver(claim));
  }

  private async hasHolder(eid: string): Promise<boolean> {
    const pids = (await this.find(eid))?.pids;
    return !pids || this.claims.list().some((claim) => claim.eid === eid && pids.includes(claim.pid));
  }

  /** A window that was closed leaves nothing; one that was reloaded has terminals still. */
  private tellLoss(eid: string): void {
    if (isCarried(eid)) {
      this.hooks.tell(`the environment of this window (${eid}) ended during the reload: close its terminals, others may have their devices`);
    }
  }

  /** Of this user. */
  private async ownEnvironments(): Promise<Environment[]> {
    return (await this.tool.environments()).filter((environment) => environment.uid === this.uid);
  }

  private async begin(kept: Kept): Promise<void> {
    this.keeper = kept.keeper;
    try {
      this.claims.make(kept.eid);
      await this.look(kept.eid);
    } catch (error) {
      this.stopKeeper();
      throw error;
    }
    for (const complaint of kept.complaints) {
      this.hooks.tell(complaint);
    }
  }

  /** What could not be begun holds nothing, even if genv has done half of it. */
  private async beginOrLeave(keep: () => Promise<Kept>): Promise<void> {
    try {
      await this.begin(await keep());
    } catch (error) {
      this.end();
      void this.inTurn(() => this.leaveUnlessActive()).catch(() => undefined); // the next activation looks for it
      throw error;
    }
  }

  private async leaveUnlessActive(): Promise<void> {
    if (!this.current) {
      await this.tool.leave(this.pid);
    }
  }

  private stopKeeper(): void {
    if (this.keeper) {
      stop(this.keeper, 'SIGTERM');
    }
    this.keeper = undefined;
  }

  /** Creates the environment. Its name applies unless the project's configuration has one, as does the device count. */
  activate(name: string, folder: string | undefined, options: { gpus?: number; attach?: boolean } = {}): Promise<void> {
    return this.inTurn(async () => {
      if (!this.current) {
        await this.takeOver(this.claims.list().filter((claim) => this.claims.isOwn(claim)));
      }
      if (this.current) {
        return;
      }
      const left = (await this.ownEnvironments()).find((environment) => environment.pids.includes(this.pid));
      await this.beginOrLeave(() =>
        this.tool.keep({
          pid: this.pid,
          lingerS,
          ...(left ? { eid: left.eid } : { name, ...options }),
          ...(folder === undefined ? {} : { cwd: folder }),
        }),
      );
    });
  }

  /** Enters an environment of the user's that exists, such as that of a window whose connection was lost for good. */
  enter(eid: string): Promise<void> {
    return this.inTurn(async () => {
      if (this.current) {
        throw new GenvError('refused', 'this window has an environment: deactivate it first');
      }
      await this.beginOrLeave(() => this.tool.keep({ pid: this.pid, lingerS, eid }));
    });
  }

  /** Ends an environment of the user's that this window is not in. */
  async endOther(environment: Environment): Promise<void> {
    await this.tool.detach(environment.eid);
    let failure: unknown;
    for (const pid of environment.pids) {
      await this.tool.leave(pid).catch((error: unknown) => (failure = error)); // as where the process has ended meanwhile
    }
    if (failure !== undefined && (await this.find(environment.eid))) {
      throw failure;
    }
  }

  deactivate(): Promise<void> {
    return this.inTurn(async () => {
      if (!this.current) {
        return;
      }
      const { eid } = this.environment;
      try {
        await this.tool.detach(eid); // at once, whoever else is in the environment
        await this.tool.leave(this.pid);
        if (this.keeper?.pid !== undefined) {
          await this.tool.leave(this.keeper.pid);
        }
      } catch (error) {
        await this.look(eid);
        if (this.current) {
          throw error;
        }
        return; // it has ended in between
      }
      this.end();
    });
  }

  private get environment(): Environment {
    if (!this.current) {
      throw new GenvError('refused', 'this window has no environment');
    }
    return this.current.environment;
  }

  /** An operation on the environment, after which it is looked at again, also where the operation has failed. */
  private change(operation: (genv: Genv, environment: Environment) => Promise<void>): Promise<void> {
    return this.inTurn(async () => {
      const { eid } = this.environment;
      try {
        await operation(this.tool, this.environment);
      } finally {
        await this.look(eid);
      }
    });
  }

  /** As many devices as are configured, or `count`, which is then configured. */
  attach(count?: number, share = false): Promise<void> {
    return this.change(async (genv, { eid, gpus }) => {
      if (count !== undefined && count !== gpus) {
        await genv.configure(eid, 'gpus', String(count));
      }
      const wanted = count ?? gpus;
      await genv.attach(eid, wanted === undefined ? {} : { count: wanted }, share);
    });
  }

  attachDevice(index: number, share: boolean): Promise<void> {
    return this.change((genv, { eid }) => genv.attach(eid, { index }, share));
  }

  detach(index?: number): Promise<void> {
    return this.change((genv, { eid }) => genv.detach(eid, index));
  }

  /** Sets a field, or clears it (""). Another count of devices applies at once if there are attached ones. */
  configure(field: Field, value: string): Promise<void> {
    return this.change(async (genv, { eid, devices }) => {
      await genv.configure(eid, field, value);
      if (field === 'gpus' && value && devices.length) {
        await genv.attach(eid, { count: Number(value) }, false);
      }
    });
  }

  /** Looks at the environment again, which others may have changed. */
  refresh(): Promise<void> {
    return this.inTurn(async () => {
      if (this.current) {
        await this.look(this.current.environment.eid);
      }
    });
  }

  private async find(eid: string): Promise<Environment | undefined> {
    return (await this.ownEnvironments()).find((item) => item.eid === eid);
  }

  private async read(eid: string): Promise<Active | undefined> {
    const environment = await this.find(eid);
    try {
      return environment && { environment, variables: await this.tool.variables(eid) };
    } catch (error) {
      if (await this.find(eid)) {
        throw error;
      }
      return undefined; // it has ended in between
    }
  }

  private async look(eid: string): Promise<void> {
    const next = await this.read(eid);
    if (!next) {
      const known = this.current !== undefined;
      this.end();
      if (known) {
        this.hooks.tell(`the environment of this window (${eid}) has ended`);
      }
      return;
    }
    const same = JSON.stringify(next) === JSON.stringify(this.current);
    this.current = next;
    this.watchRecord(eid);
    if (!same) {
      this.hooks.changed(next);
    }
  }

  private watchRecord(eid: string): void {
    if (this.watchers.length || this.looking) {
      return;
    }
    try {
      this.watch(this.tool.recordsFolder, (file) => {
        if (file === null || file === `${eid}.json`) {
          clearTimeout(this.settling);
          this.settling = setTimeout(() => void this.refresh().catch(() => undefined), settleMs);
        }
      });
      this.watch(this.claims.folder, () => void this.answer(eid).catch(() => undefined));
    } catch {
      this.unwatch();
      this.looking = setInterval(() => void this.refresh().catch(() => undefined), unwatchedMs).unref();
    }
  }

  private watch(folder: string, changed: (file: string | null) => void): void {
    const watcher = watch(folder, { persistent: false }, (_event, file) => changed(file));
    watcher.on('error', () => this.unwatch());
    this.watchers.push(watcher);
  }

  private unwatch(): void {
    clearTimeout(this.settling);
    clearInterval(this.looking);
    this.looking = undefined;
    this.watchers.forEach((watcher) => watcher.close());
    this.watchers = [];
  }

  private end(): void {
    this.unwatch();
    this.stopKeeper();
    this.claims.dropOwn();
    if (this.current) {
      this.current = undefined;
      this.hooks.changed(undefined);
    }
  }

  /** The window goes, or is reloaded: its keeper knows what to do. */
  dispose(): void {
    this.disposed = true;
    this.unwatch();
  }
}
