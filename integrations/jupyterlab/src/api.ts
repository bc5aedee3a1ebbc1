/* The server's side, by the host's own requests: their cookies or token, and their protection against forgery. */
import {URLExt} from '@jupyterlab/coreutils';
import {ServerConnection} from '@jupyterlab/services';

import {KernelState, Request, State} from './model';

export class Api {
    constructor(private readonly settings: ServerConnection.ISettings) {}

    state(): Promise<State> {
        return this.ask('GET', 'state');
    }

    kernel(id: string): Promise<KernelState> {
        return this.ask('GET', `kernels/${encodeURIComponent(id)}`);
    }

    /* After a restart: its process has another PID. */
    returned(id: string): Promise<KernelState> {
        return this.ask('POST', `kernels/${encodeURIComponent(id)}`);
    }

    change(id: string, request: Request): Promise<KernelState> {
        return this.ask('PUT', `kernels/${encodeURIComponent(id)}`, request);
    }

    detach(id: string): Promise<KernelState> {
        return this.ask('DELETE', `kernels/${encodeURIComponent(id)}`);
    }

    detachEnv(eid: string): Promise<unknown> {
        return this.ask('DELETE', `environments/${encodeURIComponent(eid)}`);
    }

    private async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
        const url = URLExt.join(this.settings.baseUrl, 'jupyterlab-genv', path);
        const init: RequestInit = {method, cache: 'no-store'};
        if (body !== undefined) {
            init.body = JSON.stringify(body);
        }
        const response = await ServerConnection.makeRequest(url, init, this.settings);
        const text = await response.text();
        if (!response.ok) {
            throw new Error(reason(text) ?? `${response.status} ${response.statusText}`);
        }
        try {
            return JSON.parse(text) as T;
        } catch {
            throw new Error('The server did not answer with JSON. Reload the page, and log in if it asks you to.');
        }
    }
}

function reason(text: string): string | null {
    try {
        const {message} = JSON.parse(text) as {message?: unknown};
        return typeof message === 'string' && message ? message : null;
    } catch {
        return null;
    }
}
