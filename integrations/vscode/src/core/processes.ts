/** What the processes of this user say about themselves. */
import { readdirSync, readFileSync } from 'node:fs';

/** Whether a process was started with the variables of the environment. */
export function isCarried(eid: string): boolean {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`GENV_ENVIRONMENT_ID=${eid}`);
      } catch {
        return false; // somebody else's, or gone
      }
    });
}
