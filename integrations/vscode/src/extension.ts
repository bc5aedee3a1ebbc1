/** The extension: brings the views, the commands and the environment of the window together. */
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { Attention } from './core/attention.ts';
import { Claims } from './core/claims.ts';
import { findGenv, Genv, GenvError } from './core/genv.ts';
import { Poller } from './core/poller.ts';
import { deviceRows, devicesSummary, environmentRows, ownRows, statusText, statusTooltip, type Row } from './core/rows.ts';
import type { Snapshot } from './core/snapshot.ts';
import { withoutEnvironment } from './core/variables.ts';
import { WindowEnvironment, type Active } from './core/window.ts';
import { counted, intervalMs, plain } from './core/words.ts';
import { Commands } from './ui/commands.ts';
import { Surroundings } from './ui/surroundings.ts';
import { RowsView } from './ui/tree.ts';

const answerMs = 8_000; // that a window on a slow machine takes at most to answer

function setContext(key: string, value: unknown): void {
  void vscode.commands.executeCommand('setContext', key, value);
}

/** Nothing can be done with it, and another call would say the same. */
function isUnusable(error: unknown): boolean {
  return error instanceof GenvError && (error.failure === 'missing' || error.failure === 'old');
}

/**
 * The workspace has a folder of its own, but only one window at a time: a second one has ID-1, also where the first one
 * is gone and its process does not know.
 */
function claimsFolder(context: vscode.ExtensionContext): string {
  const workspace = context.storageUri ? basename(context.storageUri.fsPath).replace(/-\d+$/, '') : 'none';
  return join(context.globalStorageUri.fsPath, 'windows', workspace);
}

/** Only a window knows all commands. One that is gone, or cannot be reached, does not answer. */
function isShown(): Promise<boolean> {
  return Promise.race([vscode.commands.getCommands(true).then(() => true), sleep(answerMs).then(() => false)]);
}

class Extension {
  private readonly log = vscode.window.createOutputChannel('genv', { log: true });
  private readonly status = vscode.window.createStatusBarItem('genv.status', vscode.StatusBarAlignment.Left);
  private readonly own = new RowsView('genv.env');
  private readonly devices = new RowsView('genv.devices');
  private readonly environments = new RowsView('genv.envs');
  private readonly poller = new Poller(() => this.look(), 5000);
  private readonly attention = new Attention((isGiven) => this.poller.setVisible(isGiven));
  private readonly uid = process.getuid?.() ?? -1;
  private readonly baseEnv = withoutEnvironment(process.env);
  private readonly surroundings: Surroundings;
  private readonly window: WindowEnvironment;
  private genv: Genv | undefined;
  private snapshot: Snapshot | undefined;
  private trouble = '';
  private isUnusable = false; // which the first view says by itself while it is empty

  constructor(context: vscode.ExtensionContext) {
    this.surroundings = new Surroundings(context.environmentVariableCollection);
    this.window = new WindowEnvironment(new Claims(claimsFolder(context), process.pid), process.pid, this.uid, {
      changed: (active) => this.changed(active),
      tell: (message) => this.warn(message),
      isShown,
    });
    this.status.name = 'GPUs';
    this.status.command = 'genv.env.reattach';
    context.subscriptions.push(this.log, this.status, this.own, this.devices, this.environments, this.surroundings, this.window, this.attention);
    this.register(context, new Commands(this.window));
  }

  private register(context: vscode.ExtensionContext, commands: Commands): void {
    const actions: Record<string, (row?: Row) => Promise<void> | void> = {
      'genv.env.activate': () => commands.activate(),
      'genv.env.deactivate': () => commands.deactivate(),
      'genv.env.attach': () => commands.attach(false, false),
      'genv.env.attachOverSubscription': () => commands.attach(false, true),
      'genv.env.reattach': () => commands.attach(true, false),
      'genv.env.attachDevice': (row) => commands.attachDevice(row, false),
      'genv.env.attachDeviceOverSubscription': (row) => commands.attachDevice(row, true),
      'genv.env.detachDevice': (row) => commands.detach(row),
      'genv.env.detach': () => commands.detach(undefined),
      'genv.envs.enter': (row) => commands.enter(row),
      'genv.envs.end': (row) => commands.endOther(row),
      'genv.env.config.name': () => commands.configure('name'),
      'genv.env.config.gpus': () => commands.configure('gpus'),
      'genv.env.config.gpuMemory': () => commands.configure('gpu-memory'),
      'genv.installation.refresh': () => this.install(),
      'genv.installation.choose': async () => vscode.commands.executeCommand<void>('workbench.action.openSettings', 'genv.path'),
      'genv.log': () => this.log.show(),
      'genv.refresh': () => undefined, // every command is followed by a look
      'genv.devices.refresh': () => undefined,
      'genv.envs.refresh': () => undefined,
    };
    for (const [name, action] of Object.entries(actions)) {
      context.subscriptions.push(vscode.commands.registerCommand(name, (row?: Row) => this.guard(() => action(row))));
    }
    context.subscriptions.push(
      vscode.debug.registerDebugConfigurationProvider('*', this.surroundings),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('genv')) {
          void this.guard(() => this.install());
        }
      }),
      vscode.window.onDidChangeWindowState(() => this.updateVisibility()),
      ...[this.own, this.devices, this.environments].map((view) => view.view.onDidChangeVisibility(() => this.updateVisibility())),
      { dispose: () => this.poller.setVisible(false) },
    );
  }

  /** The environment first: a look at the machine may take longer than it waits for a window. */
  async start(): Promise<void> {
    await this.guard(async () => {
      if (await this.find()) {
        await this.window.resume();
      }
    });
    await this.guard(() => this.look());
    this.updateVisibility();
  }

  /** Finds genv. False: there is none that this extension can use. */
  private async find(): Promise<boolean> {
    const settings = vscode.workspace.getConfiguration('genv');
    const path = findGenv(settings.get<unknown>('path'), this.baseEnv);
    this.poller.setInterval(intervalMs(settings.get<unknown>('refreshInterval')));
    this.genv = undefined;
    if (!path) {
      this.fail(new GenvError('missing', 'genv was not found'));
      return false;
    }
    const genv = new Genv(path, this.baseEnv);
    this.log.info(`using ${path}`);
    try {
      await genv.check();
    } catch (error) {
      this.fail(error);
      if (isUnusable(error)) {
        return false;
      }
    }
    this.genv = genv;
    this.window.use(genv);
    return true;
  }

  private async install(): Promise<void> {
    await this.find();
    await this.look();
    this.updateVisibility();
  }

  private updateVisibility(): void {
    const isVisible = [this.own, this.devices, this.environments].some((view) => view.view.visible);
    this.attention.update(isVisible, vscode.window.state.focused);
  }

  /** Looks at the machine, and shows it. */
  private async look(): Promise<void> {
    if (!this.genv) {
      return;
    }
    try {
      const [snapshot] = await Promise.all([this.genv.snapshot(), this.window.refresh()]);
      this.snapshot = snapshot;
      this.trouble = '';
      this.isUnusable = false;
      setContext('genv.installation', 'ok');
      this.show();
    } catch (error) {
      this.fail(error);
    }
  }

  private show(): void {
    const own = this.window.active?.environment;
    const snapshot = this.snapshot;
    this.own.show(ownRows(own, snapshot), '', '');
    const trouble = this.isUnusable && !own ? '' : this.trouble;
    this.devices.show(snapshot ? deviceRows(snapshot, own) : [], snapshot ? devicesSummary(snapshot) : '', trouble);
    this.environments.show(snapshot ? environmentRows(snapshot, own, this.uid) : [], '', '');
  }

  /** The views keep what they have shown last, and say what is wrong. */
  private fail(error: unknown): void {
    const failure = error instanceof GenvError ? error.failure : 'broken';
    const message = plain(error instanceof Error ? error.message : String(error));
    if (message !== this.trouble) {
      this.log.error(message);
    }
    this.trouble = message;
    this.isUnusable = isUnusable(error);
    setContext('genv.installation', this.isUnusable ? failure : 'failed'); // the first view says what to do then
    this.show();
  }

  private changed(active: Active | undefined): void {
    setContext('genv.env.activated', active !== undefined);
    this.surroundings.show(active);
    if (active) {
      const { environment } = active;
      this.status.text = `$(circuit-board) ${statusText(environment)}`;
      this.status.tooltip = statusTooltip(environment);
      this.status.accessibilityInformation = { label: `${counted(environment.devices.length, 'device')} attached` };
      this.status.show();
      this.log.info(`environment ${environment.eid}: devices ${environment.devices.join(', ') || 'none'}`);
    } else {
      this.status.hide();
    }
    this.show();
    void this.poller.now();
  }

  private warn(message: string): void {
    this.log.warn(message);
    void vscode.window.showWarningMessage(`genv: ${plain(message)}`);
  }

  /** Whatever a command does, an error of it is a message. */
  private async guard(action: () => Promise<void> | void): Promise<void> {
    try {
      await action();
    } catch (error) {
      const message = plain(error instanceof Error ? error.message : String(error));
      this.log.error(message);
      void vscode.window.showErrorMessage(`genv: ${message}`);
    }
    await this.poller.now();
  }
}

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  await new Extension(context).start();
}
