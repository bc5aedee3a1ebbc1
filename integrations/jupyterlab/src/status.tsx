/* The item in the status bar: how many devices are available. */
import {ReactWidget, UseSignal} from '@jupyterlab/apputils';
import {TranslationBundle} from '@jupyterlab/translation';
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

    protected override render(): React.JSX.Element {
        return <UseSignal signal={this.machine.changed}>{() => this.item()}</UseSignal>;
    }

    private item(): React.JSX.Element | null {
        const {machine, trans} = this;
        if (!machine.state) {
            return null;
        }
        const free = countFree(machine.state);
        const text = trans.__('%1 of %2 GPUs free', free, machine.state.devices.length);
        return (
            <button type="button" className="genv-status-item" title={trans.__('Show the GPUs')} onClick={this.open}>
                <gpuIcon.react tag="span" className="genv-status-icon" />
                {text}
            </button>
        );
    }
}
