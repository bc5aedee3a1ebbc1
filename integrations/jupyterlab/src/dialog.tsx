/* What a notebook is to have: the dialog behind the button. */
import {Dialog, ReactWidget, showDialog} from '@jupyterlab/apputils';
import {TranslationBundle} from '@jupyterlab/translation';
import * as React from 'react';

import {countFree, Env, isShared, Request, requestOf, State, Wish} from './model';
import {deviceWords} from './words';

class Form extends ReactWidget implements Dialog.IBodyWidget<Wish> {
    constructor(
        private readonly trans: TranslationBundle,
        private readonly about: string,
        private readonly wish: Wish,
        private readonly most: number
    ) {
        super();
        this.addClass('genv-form');
    }

    getValue(): Wish {
        return this.wish;
    }

    protected override render(): React.JSX.Element {
        const {trans, wish} = this;
        const field = (key: 'memory' | 'name', label: string, hint: string, placeholder: string) => (
            <>
                <label htmlFor={`genv-${key}`}>{label}</label>
                <input
                    id={`genv-${key}`}
                    className="jp-mod-styled"
                    type="text"
                    defaultValue={wish[key]}
                    placeholder={placeholder}
                    title={hint}
                    spellCheck={false}
                    autoComplete="off"
                    onChange={event => (wish[key] = event.target.value)}
                />
            </>
        );
        return (
            <>
                <p className="genv-about">{this.about}</p>
                <label htmlFor="genv-gpus">{trans.__('GPUs')}</label>
                <input
                    id="genv-gpus"
                    className="jp-mod-styled"
                    type="number"
                    required
                    min={0}
                    max={this.most || undefined}
                    defaultValue={wish.gpus}
                    autoFocus
                    onFocus={event => event.target.select()}
                    onChange={event => (wish.gpus = event.target.value)}
                />
                {field(
                    'memory',
                    trans.__('Memory on each'),
                    trans.__('Such as 4g or 512mi. Others can use the rest.'),
                    trans.__('the whole GPU')
                )}
                {field('name', trans.__('Name'), trans.__('What others see'), '')}
                <label className="genv-check" title={trans.__('Other users are not asked and may run out of memory.')}>
                    <input
                        type="checkbox"
                        defaultChecked={wish.share}
                        onChange={event => (wish.share = event.target.checked)}
                    />
                    {trans.__('Share GPUs that others hold')}
                </label>
            </>
        );
    }
}

function about(trans: TranslationBundle, env: Env | null, state: State | null): string {
    const sentences = [trans.__('This notebook has %1.', deviceWords(trans, env))];
    if (env && isShared(env)) {
        sentences.push(trans.__('Other notebooks or programs share them, and a change applies to all.'));
    }
    if (state) {
        sentences.push(trans.__('Available: %1 of %2.', countFree(state), state.devices.length));
    }
    return sentences.join(' ');
}

/* The request, 'detach', or null if the user cancels. */
export async function askForDevices(
    trans: TranslationBundle,
    title: string,
    name: string,
    env: Env | null,
    state: State | null
): Promise<Request | 'detach' | null> {
    const held = env?.uuids.length ?? 0;
    const wish: Wish = {
        gpus: String(held || env?.config.gpus || 1),
        memory: env?.config.gpu_memory ?? '',
        name: env ? (env.config.name ?? '') : name,
        share: false
    };
    const detach = Dialog.warnButton({label: trans.__('Detach'), actions: ['detach']});
    const buttons = [
        Dialog.cancelButton({label: trans.__('Cancel')}),
        ...(held ? [detach] : []),
        Dialog.okButton({label: held ? trans.__('Change') : trans.__('Attach')})
    ];
    const result = await showDialog({
        title: trans.__('GPUs of %1', title),
        body: new Form(trans, about(trans, env, state), wish, state?.devices.length ?? 0),
        buttons,
        defaultButton: buttons.length - 1,
        focusNodeSelector: '#genv-gpus'
    });
    if (!result.button.accept) {
        return null;
    }
    if (result.button.actions.includes('detach')) {
        return 'detach';
    }
    const request = requestOf(wish);
    if (!request) {
        throw new Error(trans.__('%1 is not a number of GPUs', `'${wish.gpus}'`));
    }
    return request;
}
