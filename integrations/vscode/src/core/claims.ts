/**
 * Which environment belongs to which window: an empty file EID@PID-START in the folder of the workspace, where PID is
 * the process of the window's extensions and START its start time. A window that was reloaded has a new process, and
 * takes the environment over that the old one has left: by renaming the file, which only one window can do.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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
  private readonly folder: string;
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
    try {
      renameSync(join(this.folder, nameOf(claim)), join(this.folder, nameOf(this.own(claim.eid))));
      return true;
    } catch {
      return false;
    }
  }

  drop(claim: Claim): void {
    rmSync(join(this.folder, nameOf(claim)), { force: true });
  }

  dropOwn(): void {
    this.list().filter((claim) => this.isOwn(claim)).forEach((claim) => this.drop(claim));
  }
}
