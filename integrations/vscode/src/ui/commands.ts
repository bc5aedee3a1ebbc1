/** The commands: ask what is missing, do it, and say why where it fails. */
import * as vscode from 'vscode';
import type { Field } from '../core/genv.ts';
import type { Row } from '../core/rows.ts';
import type { WindowEnvironment } from '../core/window.ts';
import { environmentName, plain, refuseCount, refuseMemory, refuseName, typedAmount } from '../core/words.ts';

/** "vscode/PROJECT", as the views and other users see this window. */
function windowName(): string {
  const workspace = vscode.workspace.name;
  return environmentName(workspace ? `vscode/${workspace}` : 'vscode');
}

function folder(): string | undefined {
  const first = vscode.workspace.workspaceFolders?.[0];
  return first?.uri.scheme === 'file' ? first.uri.fsPath : undefined;
}

async function confirm(question: string, detail: string, yes: string): Promise<boolean> {
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, yes)) === yes;
}

export class Commands {
  private readonly window: WindowEnvironment;

  constructor(window: WindowEnvironment) {
    this.window = window;
  }

  async activate(): Promise<void> {
    await this.window.activate(windowName(), folder());
  }

  async deactivate(): Promise<void> {
    const devices = this.window.active?.environment.devices.length;
    if (!devices || (await confirm('Deactivate the environment of this window?', 'Its devices are released. Programs that use them keep running.', 'Deactivate'))) {
      await this.window.deactivate();
    }
  }

  private askCount(): Thenable<string | undefined> {
    return vscode.window.showInputBox({
      title: 'GPUs: Device Count',
      prompt: 'How many devices this window needs',
      value: String(this.window.active?.environment.gpus ?? 1),
      validateInput: (text) => (text === '' || Number(text) < 1 ? 'Enter a whole number of 1 or more' : refuseCount(text)),
    });
  }

  /** Asks for a count if none is configured, or if there is something to change: `again`. */
  async attach(again: boolean, share: boolean): Promise<void> {
    const before = this.window.active?.environment;
    if (!before) {
      await this.activate();
    }
    const environment = before ?? this.window.active?.environment;
    if (!environment || (!before && environment.devices.length > 0)) {
      return; // the project's configuration has a count, which activation has attached
    }
    let count: number | undefined;
    if (again || environment.gpus === undefined || (environment.devices.length > 0 && !share)) {
      const text = await this.askCount();
      if (text === undefined) {
        return;
      }
      count = Number(text);
    }
    if (share && !(await this.mayShare())) {
      return;
    }
    await this.window.attach(count, share);
  }

  private mayShare(): Promise<boolean> {
    return confirm('Share devices that other environments hold?', 'Free devices are taken first. The holders are not asked; genv tells them who you are.', 'Share');
  }

  async attachDevice(row: Row | undefined, share: boolean): Promise<void> {
    if (row?.index === undefined || (share && !(await this.mayShare()))) {
      return;
    }
    if (!this.window.active) {
      await this.window.activate(windowName(), folder(), { attach: false });
    }
    await this.window.attachDevice(row.index, share);
  }

  async detach(row: Row | undefined): Promise<void> {
    const devices = this.window.active?.environment.devices.length ?? 0;
    if (row?.index !== undefined) {
      await this.window.detach(row.index);
    } else if (devices > 0 && (await confirm('Detach this window from its devices?', 'Others can have them then. Programs that use them keep running.', 'Detach'))) {
      await this.window.detach();
    }
  }

  async enter(row: Row | undefined): Promise<void> {
    if (row?.other) {
      await this.window.enter(row.other.eid);
    }
  }

  async endOther(row: Row | undefined): Promise<void> {
    const other = row?.other;
    if (other && (await confirm(`End the environment ${plain(other.name ?? other.eid)}?`, 'Its devices are released. Programs that use them keep running.', 'End'))) {
      await this.window.endOther(other);
    }
  }

  async configure(field: Field): Promise<void> {
    const environment = this.window.active?.environment;
    const forms = {
      name: { title: 'GPUs: Name', prompt: 'What others see in lists', value: environment?.name ?? '', validateInput: refuseName },
      gpus: { title: 'GPUs: Device Count', prompt: 'How many devices this window needs', value: String(environment?.gpus ?? ''), validateInput: refuseCount },
      'gpu-memory': {
        title: 'GPUs: Memory on Each Device',
        prompt: 'How much memory of each device to reserve, such as 4g; nothing for whole devices',
        value: environment?.gpuMemory === undefined ? '' : typedAmount(environment.gpuMemory),
        validateInput: refuseMemory,
      },
    };
    const text = await vscode.window.showInputBox(forms[field]);
    if (text !== undefined) {
      await this.window.configure(field, text);
    }
  }
}
