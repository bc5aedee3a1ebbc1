import {TranslationBundle} from '@jupyterlab/translation';

import {Env, indices} from './model';

/* "GPU 0", "GPUs 0, 1" or "no GPUs" */
export function deviceWords(trans: TranslationBundle, env: Env | null): string {
    const held = indices(env);
    return held ? trans._n('GPU %2', 'GPUs %2', env?.devices.length ?? 0, held) : trans.__('no GPUs');
}
