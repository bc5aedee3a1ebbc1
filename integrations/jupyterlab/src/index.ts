/* The extension: puts the parts into JupyterLab, or Notebook, whichever it runs in. */
import {ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin} from '@jupyterlab/application';
import {
    Dialog,
    ICommandPalette,
    ISessionContextDialogs,
    IToolbarWidgetRegistry,
    Notification,
    SessionContextDialogs,
    showDialog
} from '@jupyterlab/apputils';
import {PathExt} from '@jupyterlab/coreutils';
import {INotebookTracker, NotebookPanel} from '@jupyterlab/notebook';
import {ISettingRegistry} from '@jupyterlab/settingregistry';
import {IStatusBar} from '@jupyterlab/statusbar';
import {ITranslator, nullTranslator, TranslationBundle} from '@jupyterlab/translation';

import {Api} from './api';
import {GpuButton} from './button';
import {askForDevices} from './dialog';
import {gpuIcon} from './icons';
import {Machine} from './machine';
import {Env, envTitle, nameFor} from './model';
import {Change, Effect, NotebookEnv} from './notebook';
import {GpuPanel} from './panel';
import {GpuStatus} from './status';
import {deviceWords} from './words';

const ID = 'genv-jupyter:plugin';

const commands = {
    attach: 'genv:attach',
    detach: 'genv:detach',
    show: 'genv:show',
    refresh: 'genv:refresh'
} as const;

/* What the user does to a notebook's GPUs. */
class Actions {
    constructor(
        private readonly machine: Machine,
        private readonly dialogs: ISessionContextDialogs,
        private readonly trans: TranslationBundle
    ) {}

    env(panel: NotebookPanel): NotebookEnv {
        let env = this.envs.get(panel);
        if (!env) {
            env = new NotebookEnv(panel.sessionContext, this.machine);
            env.strayed.connect(() => this.warnOfStray(panel));
            this.envs.set(panel, env);
        }
        return env;
    }

    /* Asks what the notebook is to have, and changes that. */
    async configure(panel: NotebookPanel): Promise<void> {
        const {trans} = this;
        const notebook = this.env(panel);
        await panel.sessionContext.ready;
        if (!notebook.kernel) {
            await this.dialogs.selectKernel(panel.sessionContext);
            if (!notebook.kernel) {
                return;
            }
        }
        await this.machine.refresh();
        await this.reporting(async () => {
            const name = PathExt.basename(panel.context.path);
            const asked = await askForDevices(trans, name, nameFor(name), notebook.env, this.machine.state);
            if (asked === 'detach') {
                await this.detach(panel);
            } else if (asked) {
                await this.tell(panel, await notebook.change(asked));
            }
        });
        panel.content.activate();
    }

    async detach(panel: NotebookPanel): Promise<void> {
        const notebook = this.env(panel);
        if (notebook.env && (await this.confirmDetaching(notebook.env, PathExt.basename(panel.context.path)))) {
            await this.reporting(async () => this.tell(panel, await notebook.detach()));
        }
    }

    async detachEnv(env: Env): Promise<void> {
        if (await this.confirmDetaching(env, envTitle(env))) {
            await this.reporting(async () => {
                await this.machine.api.detachEnv(env.eid);
                await this.machine.refresh();
            });
        }
    }

    private async confirmDetaching(env: Env, title: string): Promise<boolean> {
        const {trans} = this;
        const {button} = await showDialog({
            title: trans.__('Detach %1 from %2?', deviceWords(trans, env), title),
            body: trans._n(
                'Others can attach it at once, even if a program still uses it.',
                'Others can attach them at once, even if a program still uses them.',
                env.devices.length
            ),
            buttons: [Dialog.cancelButton(), Dialog.warnButton({label: trans.__('Detach')})]
        });
        return button.accept;
    }

    private async reporting(act: () => Promise<void>): Promise<void> {
        try {
            await act();
        } catch (error) {
            Notification.error(error instanceof Error ? error.message : String(error), {autoClose: 10000});
        }
    }

    private async tell(panel: NotebookPanel, change: Change): Promise<void> {
        const {trans} = this;
        const {env, effect} = change;
        const what = trans.__('The notebook has %1.', deviceWords(trans, env));
        switch (effect) {
            case Effect.NeedsOther:
                Notification.warning(
                    `${what} ${trans.__('Choose a kernel that "jupyter genv install" has added to use them.')}`,
                    {autoClose: 15000}
                );
                break;
            case Effect.NeedsRestart:
                await this.offerRestart(panel, what);
                break;
            case Effect.Pending:
                Notification.info(`${what} ${trans.__('The kernel learns of it when the running cell has ended.')}`, {
                    autoClose: 10000
                });
                void this.reporting(async () => {
                    const later = await change.later?.catch(() => null); // it was restarted meanwhile
                    if (later === Effect.NeedsRestart) {
                        await this.offerRestart(panel, what);
                    }
                });
                break;
            default:
                this.tellApplied(what, change);
        }
    }

    private tellApplied(what: string, {env, managed}: Change): void {
        if (managed || !env?.uuids.length) {
            Notification.success(what, {autoClose: 4000});
            return;
        }
        const how = this.trans.__(
            'After a restart, the first cells of this kernel can use any GPU. Choose a kernel that "jupyter genv install" has added to prevent that.'
        );
        Notification.warning(`${what} ${how}`, {autoClose: 15000});
    }

    private async offerRestart(panel: NotebookPanel, what: string): Promise<void> {
        const {trans} = this;
        const {button} = await showDialog({
            title: trans.__('Restart the kernel?'),
            body: `${what} ${trans.__('The running kernel still uses those that it had. Restart it to change that.')}`,
            buttons: [
                Dialog.cancelButton({label: trans.__('Later')}),
                Dialog.warnButton({label: trans.__('Restart')})
            ]
        });
        if (button.accept) {
            await panel.sessionContext.restartKernel();
        }
    }

    private warnOfStray(panel: NotebookPanel): void {
        const {trans} = this;
        const what = trans.__(
            'Cells of %1 started to use GPUs before the kernel was told which ones it has: they may be those of others.',
            PathExt.basename(panel.context.path)
        );
        const how = trans.__('Restart the kernel, and run the cells when it is idle.');
        Notification.warning(`${what} ${how}`, {autoClose: false});
    }

    private readonly envs = new WeakMap<NotebookPanel, NotebookEnv>();
}

function addCommands(
    app: JupyterFrontEnd,
    machine: Machine,
    actions: Actions,
    trans: TranslationBundle,
    tracker: INotebookTracker | null,
    palette: ICommandPalette | null
): void {
    const current = (): NotebookPanel | null => tracker?.currentWidget ?? null;
    const held = (): boolean => {
        const panel = current();
        return panel !== null && (actions.env(panel).env?.uuids.length ?? 0) > 0;
    };
    app.commands.addCommand(commands.attach, {
        label: trans.__('Attach GPUs to Notebook…'),
        icon: gpuIcon,
        isEnabled: () => current() !== null,
        execute: async () => {
            const panel = current();
            if (panel) {
                await actions.configure(panel);
            }
        }
    });
    app.commands.addCommand(commands.detach, {
        label: trans.__('Detach GPUs from Notebook'),
        isEnabled: held,
        execute: async () => {
            const panel = current();
            if (panel) {
                await actions.detach(panel);
            }
        }
    });
    app.commands.addCommand(commands.show, {
        label: trans.__('Show GPUs'),
        icon: gpuIcon,
        execute: () => app.shell.activateById('genv-panel')
    });
    app.commands.addCommand(commands.refresh, {
        label: trans.__('Refresh GPUs'),
        execute: () => machine.refresh()
    });
    machine.changed.connect(() => app.commands.notifyCommandChanged(commands.detach));
    for (const command of Object.values(commands)) {
        palette?.addItem({command, category: trans.__('GPUs')});
    }
}

/* Follows the settings. */
async function configure(
    registry: ISettingRegistry | null,
    machine: Machine,
    showStatus: (shown: boolean) => void
): Promise<void> {
    const settings = await registry?.load(ID);
    const read = (): void => {
        machine.setInterval((settings?.get('interval').composite as number | undefined) ?? 5);
        showStatus((settings?.get('statusBar').composite as boolean | undefined) ?? true);
    };
    settings?.changed.connect(read);
    read();
}

function addStatus(
    app: JupyterFrontEnd,
    machine: Machine,
    trans: TranslationBundle,
    statusBar: IStatusBar | null
): (shown: boolean) => void {
    if (!statusBar) {
        return () => undefined; // Notebook has none
    }
    let isShown = false;
    const status = new GpuStatus(machine, trans, () => void app.commands.execute(commands.show));
    statusBar.registerStatusItem(ID, {item: status, align: 'left', rank: 2, isActive: () => isShown});
    return shown => {
        isShown = shown;
        status.setHidden(!shown);
    };
}

const plugin: JupyterFrontEndPlugin<void> = {
    id: ID,
    description: 'GPU environments of notebooks',
    autoStart: true,
    optional: [
        ICommandPalette,
        ILayoutRestorer,
        INotebookTracker,
        ISessionContextDialogs,
        ISettingRegistry,
        IStatusBar,
        IToolbarWidgetRegistry,
        ITranslator
    ],
    activate: async (
        app: JupyterFrontEnd,
        palette: ICommandPalette | null,
        restorer: ILayoutRestorer | null,
        tracker: INotebookTracker | null,
        dialogs: ISessionContextDialogs | null,
        registry: ISettingRegistry | null,
        statusBar: IStatusBar | null,
        toolbars: IToolbarWidgetRegistry | null,
        translator: ITranslator | null
    ) => {
        const trans = (translator ?? nullTranslator).load('genv_jupyter');
        const machine = new Machine(new Api(app.serviceManager.serverSettings));
        const actions = new Actions(machine, dialogs ?? new SessionContextDialogs(), trans);
        const panel = new GpuPanel(machine, trans, env => void actions.detachEnv(env));

        app.shell.add(panel, 'left', {rank: 650, type: 'GPUs'});
        restorer?.add(panel, panel.id);
        addCommands(app, machine, actions, trans, tracker, palette);
        toolbars?.addFactory<NotebookPanel>(
            'Notebook',
            'genv',
            notebook => new GpuButton(trans, machine, actions.env(notebook), () => void actions.configure(notebook))
        );
        await configure(registry, machine, addStatus(app, machine, trans, statusBar));
    }
};

export default plugin;
