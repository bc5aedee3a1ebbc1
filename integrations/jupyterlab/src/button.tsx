/* The button in a notebook's toolbar: which GPUs it has, and how to change that. */
import {ReactWidget, UseSignal} from '@jupyterlab/apputils';
import {TranslationBundle} from '@jupyterlab/translation';
import {ToolbarButtonComponent} from '@jupyterlab/ui-components';
import * as React from 'react';

import {gpuIcon} from './icons';
import {indices} from './model';
import {deviceWords} from './words';
import {NotebookEnv} from './notebook';

export class GpuButton extends ReactWidget {
    constructor(
        private readonly trans: TranslationBundle,
        private readonly notebook: NotebookEnv,
        private readonly onClick: () => void
    ) {
        super();
        this.addClass('genv-button');
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
}
