import {LabIcon} from '@jupyterlab/ui-components';

/* A card with a fan, on its side. */
export const gpuIcon = new LabIcon({
    name: 'genv:gpu',
    svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
    <path class="jp-icon3 jp-icon-selectable" fill="#616161" fill-rule="evenodd" d="M2 4v17h2v-3h2v2h2v-2h2v2h2v-2h10V6H4V4H2Zm2
4h16v8H4V8Zm8.5 0.9a3.1 3.1 0 1 0 0 6.2 3.1 3.1 0 0 0 0-6.2Zm0 1.8a1.3 1.3 0 1 1 0 2.6 1.3 1.3 0 0 1 0-2.6ZM5.5 9.5h2v1.6h-2V9.5Zm0
3.4h2v1.6h-2v-1.6Z"/>
</svg>`.replace(/\n(?=[\d.])/g, ' ')
});
