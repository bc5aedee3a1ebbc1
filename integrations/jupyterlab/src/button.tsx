/* The button in a notebook's toolbar: which GPUs it has, and how to change that. */
import {ReactWidget, UseSignal} from '@jupyterlab/apputils';
import {TranslationBundle} from '@jupyterlab/translation';
import {ToolbarButtonComponent} from '@jupyterlab/ui-components';
import {Message} from '@lumino/messaging';
import * as React from 'react';

import {gpuIcon} from './icons';
import {Machine} from './machine';
import {indices} from './model';
import {NotebookEnv} from './notebook';
import {deviceWords} from './words';

export class GpuButton extends ReactWidget {
    constructor(
        private readonly trans: TranslationBundle,
        private readonly machine: Machine,
        private readonly notebook: NotebookEnv,
        private readonly onClick: () => void
    ) {
        super();
        this.addClass('genv-button');
    }

    /* A button alone is no reason to keep asking, but the user may come back from a terminal, where they attached. */
    protected override onAfterAttach(message: Message): void {
        super.onAfterAttach(message);
        window.addEventListener('focus', this.glance);
    }

    protected override onBeforeDetach(message: Message): void {
        super.onBeforeDetach(message);
        window.removeEventListener('focus', this.glance);
    }

    protected override onAfterShow(message: Message): void {
        super.onAfterShow(message);
        this.machine.glance();
    }

    protected override render(): React.JSX.Element {
        return <UseSignal signal={this.notebook.changed}>{() => this.button()}</UseSignal>;
    }

    private button(): React.JSX.Element {
        const {trans, notebook} = this;
        const held = indices(notebook.env);
        return (
            <ToolbarButtonComponent
                icon={gpuIcon}
                label={held ? deviceWords(trans, notebook.env) : trans.__('GPUs')}
                tooltip={
                    held
                        ? trans.__('This notebook has %1: change or detach', deviceWords(trans, notebook.env))
                        : trans.__('Attach GPUs to this notebook')
                }
                onClick={this.onClick}
            />
        );
    }

    private readonly glance = (): void => {
        if (this.isVisible) {
            this.machine.glance();
        }
    };
}
