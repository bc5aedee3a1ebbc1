/* The item in the status bar: how many devices are available. */
import {ReactWidget, UseSignal} from '@jupyterlab/apputils';
import {TextItem} from '@jupyterlab/statusbar';
import {TranslationBundle} from '@jupyterlab/translation';
import {Message} from '@lumino/messaging';
import * as React from 'react';

import {gpuIcon} from './icons';
import {Machine} from './machine';
import {countFree} from './model';

export class GpuStatus extends ReactWidget {
    constructor(
        private readonly machine: Machine,
        private readonly trans: TranslationBundle,
        private readonly open: () => void
    ) {
        super();
        this.addClass('genv-status');
    }

    /* Also when the whole bar is hidden. */
    protected override onAfterShow(message: Message): void {
        super.onAfterShow(message);
        this.machine.watch(this, true);
    }

    protected override onAfterAttach(message: Message): void {
        super.onAfterAttach(message);
        this.machine.watch(this, this.isVisible);
    }

    protected override onBeforeHide(message: Message): void {
        super.onBeforeHide(message);
        this.machine.watch(this, false);
    }

    protected override onBeforeDetach(message: Message): void {
        super.onBeforeDetach(message);
        this.machine.watch(this, false);
    }

    protected override render(): React.JSX.Element {
        return <UseSignal signal={this.machine.changed}>{() => this.item()}</UseSignal>;
    }

    private item(): React.JSX.Element | null {
        const {machine, trans} = this;
        if (!machine.state) {
            return null;
        }
        const free = countFree(machine.state);
        const text = trans.__('%1 of %2 GPUs available', free, machine.state.devices.length);
        return (
            <button type="button" className="genv-status-item" title={trans.__('Show the GPUs')} onClick={this.open}>
                <gpuIcon.react tag="span" className="genv-status-icon" />
                <TextItem source={text} />
            </button>
        );
    }
}
