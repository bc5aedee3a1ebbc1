/* The environment of a notebook's kernel: changed by the user, and passed on to the process that runs already. */
import {ISessionContext} from '@jupyterlab/apputils';
import {Kernel} from '@jupyterlab/services';
import {ISignal, Signal} from '@lumino/signaling';

import {Machine} from './machine';
import {Env, envOfKernel, KernelState, PYTHON_IS_LATE, pythonProgram, Request} from './model';

/* What a change means for the kernel that runs. */
export enum Effect {
    Applied, // it has the new devices
    Pending, // it has them when the cell that runs has ended
    NeedsRestart, // a restart gives it the new devices
    NeedsOther, // this kernel never gets them: it is not started by genv, and not Python
    Unchanged
}

export interface Change {
    env: Env | null;
    effect: Effect;
    managed: boolean;
    /* What follows from an effect that is pending. */
    later: Promise<Effect> | null;
}

export class NotebookEnv {
    constructor(
        private readonly context: ISessionContext,
        private readonly machine: Machine
    ) {
        context.statusChanged.connect(this.onStatus, this);
        context.kernelChanged.connect(this.onKernel, this);
        machine.changed.connect(this.emit, this);
        context.disposed.connect(() => Signal.clearData(this));
    }

    get changed(): ISignal<this, void> {
        return this.changedSignal;
    }

    /* Cells that ran before the kernel had its variables, after a restart, use devices that it does not have. */
    get strayed(): ISignal<this, void> {
        return this.strayedSignal;
    }

    get env(): Env | null {
        return envOfKernel(this.machine.state, this.kernel?.id);
    }

    get kernel(): Kernel.IKernelConnection | null {
        return this.context.session?.kernel ?? null;
    }

    async change(request: Request): Promise<Change> {
        return this.take(id => this.machine.api.change(id, request));
    }

    async detach(): Promise<Change> {
        return this.take(id => this.machine.api.detach(id));
    }

    private async take(ask: (id: string) => Promise<KernelState>): Promise<Change> {
        const {kernel} = this;
        if (!kernel) {
            throw new Error('the notebook has no kernel');
        }
        const state = await ask(kernel.id);
        const {effect, later} = await this.pass(kernel, state);
        await this.machine.refresh();
        return {env: state.env, managed: state.managed, effect, later};
    }

    /* Passes the state on to the process. */
    private async pass(
        kernel: Kernel.IKernelConnection,
        state: KernelState
    ): Promise<Pick<Change, 'effect' | 'later'>> {
        if (state.changed === false && !state.late) {
            return {effect: Effect.Unchanged, later: null};
        }
        if (state.language !== 'python') {
            return {effect: state.managed ? Effect.NeedsRestart : Effect.NeedsOther, later: null};
        }
        const isBusy = kernel.status === 'busy';
        const done = this.apply(kernel, state);
        return isBusy ? {effect: Effect.Pending, later: done} : {effect: await done, later: null};
    }

    private async apply(kernel: Kernel.IKernelConnection, state: KernelState): Promise<Effect> {
        const future = kernel.requestExecute({
            code: pythonProgram(state),
            silent: true,
            store_history: false,
            allow_stdin: false,
            user_expressions: {late: PYTHON_IS_LATE}
        });
        const {content} = await future.done;
        if (content.status !== 'ok' || state.late) {
            return Effect.NeedsRestart;
        }
        const {late} = content.user_expressions as Record<string, {data?: Record<string, unknown>} | undefined>;
        return late?.data?.['text/plain'] === 'True' ? Effect.NeedsRestart : Effect.Applied;
    }

    private onKernel(): void {
        this.emit();
        void this.machine.refresh();
    }

    /* One that Jupyter itself starts does not get its variables from genv when it starts again. */
    private onStatus(_: ISessionContext, status: Kernel.Status): void {
        if (status === 'restarting' || status === 'autorestarting') {
            this.isRestarting = true;
        } else if (status === 'idle' && this.isRestarting) {
            this.isRestarting = false;
            void this.comeBack();
        }
    }

    private async comeBack(): Promise<void> {
        const {kernel} = this;
        if (!kernel || !this.env) {
            return;
        }
        try {
            const state = await this.machine.api.returned(kernel.id);
            if (state.env && !state.managed) {
                const {effect, later} = await this.pass(kernel, state);
                if ((await (later ?? effect)) === Effect.NeedsRestart) {
                    this.strayedSignal.emit();
                }
            }
        } catch (error) {
            console.warn('genv:', error);
        }
        await this.machine.refresh();
    }

    private emit(): void {
        this.changedSignal.emit();
    }

    private readonly changedSignal = new Signal<this, void>(this);
    private readonly strayedSignal = new Signal<this, void>(this);
    private isRestarting = false;
}
