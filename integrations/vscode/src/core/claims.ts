/**
 * Which environment belongs to which window: an empty file EID@PID-START in the folder of the workspace, where PID is
 * the process of the window's extensions and START its start time. A window that was reloaded has a new process, and
 * takes the environment over that the old one has left: by renaming the file, which only one window can do.
 *
 * The old process may not know that its window is gone: it waits for hours for one to connect again. So who finds a claim
 * held asks its holder, by a file CLAIM.asked. The holder removes that file if it still has a window; otherwise it
 * renames the claim to one that nobody holds.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Claim {
  eid: string;
  pid: number;
  start: string;
}

/** In clock ticks after boot, as /proc tells; undefined: there is no such process. */
export function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function parse(name: string): Claim | undefined {
  const match = /^([A-Za-z0-9][A-Za-z0-9._-]*)@(\d+)-(\d+)$/.exec(name);
  const [, eid, pid, start] = match ?? [];
  return eid && pid && start ? { eid, pid: Number(pid), start } : undefined;
}

function nameOf(claim: Claim): string {
  return `${claim.eid}@${claim.pid}-${claim.start}`;
}

export class Claims {
  readonly folder: string;
  private readonly pid: number;

  constructor(folder: string, pid: number) {
    this.folder = folder;
    this.pid = pid;
  }

  list(): Claim[] {
    try {
      return readdirSync(this.folder).map(parse).filter((claim) => claim !== undefined);
    } catch {
      return [];
    }
  }

  isHeld(claim: Claim): boolean {
    return startTime(claim.pid) === claim.start;
  }

  isOwn(claim: Claim): boolean {
    return nameOf(claim) === nameOf(this.own(claim.eid));
  }

  private own(eid: string): Claim {
    return { eid, pid: this.pid, start: startTime(this.pid) ?? '0' };
  }

  make(eid: string): void {
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(join(this.folder, nameOf(this.own(eid))), '');
  }

  /** False: another window was first. */
  takeOver(claim: Claim): boolean {
    return this.rename(claim, this.own(claim.eid));
  }

  private rename(from: Claim, to: Claim): boolean {
    try {
      renameSync(join(this.folder, nameOf(from)), join(this.folder, nameOf(to)));
    } catch {
      return false;
    }
    this.keep(from); // there is nobody to ask any more
    return true;
  }

  private askedPath(claim: Claim): string {
    return join(this.folder, `${nameOf(claim)}.asked`);
  }

  /** Asks the holder of the claim for it. */
  ask(claim: Claim): void {
    writeFileSync(this.askedPath(claim), '');
  }

  /** Whether its holder has not answered yet. */
  isAsked(claim: Claim): boolean {
    return existsSync(this.askedPath(claim));
  }

  isAskedForOwn(eid: string): boolean {
    return this.isAsked(this.own(eid));
  }

  /** The answers: the claim stays with its holder, ... */
  keep(claim: Claim): void {
    rmSync(this.askedPath(claim), { force: true });
  }

  keepOwn(eid: string): void {
    this.keep(this.own(eid));
  }

  /** ... or is there for whoever comes first. False: it is not this window's. */
  release(eid: string): boolean {
    return this.rename(this.own(eid), { eid, pid: 0, start: '0' });
  }

  drop(claim: Claim): void {
    rmSync(join(this.folder, nameOf(claim)), { force: true });
    this.keep(claim);
  }

  dropOwn(): void {
    this.list().filter((claim) => this.isOwn(claim)).forEach((claim) => this.drop(claim));
  }
}
