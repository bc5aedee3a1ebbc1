/* What the server tells, and what is said about it: no page, no requests. */

export interface Env {
    eid: string;
    uid: number;
    username: string;
    own: boolean;
    config: {name: string | null; gpu_memory: string | null; gpus: number | null};
    created_at: number;
    pids: number[];
    kernel_ids: string[];
    devices: (number | null)[];
    uuids: string[];
}

export interface Attachment {
    eid: string;
    gpu_memory: number | null;
}

export interface Device {
    index: number;
    uuid: string | null;
    name: string | null;
    state: string | null;
    total_memory: number | null;
    used_memory: number | null;
    utilization: number | null;
    temperature: number | null;
    attachments: Attachment[];
}

export interface State {
    hostname: string;
    driver: string | null;
    devices: Device[];
    envs: Env[];
}

/* The environment of a kernel; and what its process is to have. */
export interface KernelState {
    env: Env | null;
    variables: Record<string, string | null>;
    shims: string;
    managed: boolean; // a restart gives it these variables
    language: string;
    changed?: boolean; // by what was asked for
    late?: boolean; // it uses a device that was detached
}

/* Who holds a device: an environment, and how much of the memory, as it was asked for. */
export interface Holder {
    eid: string;
    title: string;
    user: string;
    own: boolean;
    memory: string | null;
}

export function envTitle(env: Env): string {
    return env.config.name || env.eid;
}

/* What an environment of the notebook @file is called, unless genv refuses such a name. */
export function nameFor(file: string): string {
    return new TextEncoder().encode(file).length <= 128 && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(file) ? file : '';
}

export function holders(device: Device, state: State): Holder[] {
    return device.attachments.map(({eid, gpu_memory}) => {
        const env = state.envs.find(each => each.eid === eid);
        return {
            eid,
            title: env ? envTitle(env) : eid,
            user: env?.username ?? '',
            own: env?.own ?? false,
            memory: gpu_memory === null ? null : (env?.config.gpu_memory ?? gibibytes(gpu_memory))
        };
    });
}

export function envOfKernel(state: State | null, kernelId: string | undefined): Env | null {
    return state?.envs.find(env => env.own && kernelId !== undefined && env.kernel_ids.includes(kernelId)) ?? null;
}

/* Devices that nobody holds. */
export function countFree(state: State): number {
    return state.devices.filter(device => device.attachments.length === 0 && isUsable(device)).length;
}

/* Whether others than one kernel are in it: it is that of the program which started the server, for example. */
export function isShared(env: Env): boolean {
    return env.kernel_ids.length > 1 || env.pids.length > 1;
}

export function isUsable(device: Device): boolean {
    return device.state === null || device.state === 'ok';
}

/* "0, 2"; a device that cannot be seen from here has no number. */
export function indices(env: Env | null): string {
    return (env?.devices ?? []).map(index => (index === null ? '?' : String(index))).join(', ');
}

/* 1610612736: "1.5 GiB"; 0: "0 GiB". */
export function gibibytes(bytes: number): string {
    const amount = bytes / 2 ** 30;
    return `${amount >= 100 || Number.isInteger(amount) ? Math.round(amount) : amount.toFixed(1)} GiB`;
}

/* "1.5 of 16 GiB" */
export function usedOf(used: number, total: number): string {
    return `${gibibytes(used).replace(/ GiB$/, '')} of ${gibibytes(total)}`;
}

/* A part of a whole in percent, between 0 and 100. */
export function percent(part: number, whole: number): number {
    return whole > 0 ? Math.min(100, Math.max(0, Math.round((100 * part) / whole))) : 0;
}

/* What the user asks for, as they type it. */
export interface Wish {
    gpus: string;
    memory: string;
    name: string;
    share: boolean;
}

export interface Request {
    gpus: number;
    gpu_memory: string | null;
    name: string | null;
    over_subscribe: boolean;
}

/* null: it is not a number of devices. The server checks the rest. */
export function requestOf(wish: Wish): Request | null {
    const gpus = wish.gpus.trim();
    if (!/^\d{1,5}$/.test(gpus)) {
        return null;
    }
    return {
        gpus: Number(gpus),
        gpu_memory: wish.memory.trim() || null,
        name: wish.name.trim() || null,
        over_subscribe: wish.share
    };
}

/* A Python program that gives a running kernel its variables, and leaves nothing behind in the user's namespace. CUDA
 * reads them when it is first used. */
export function pythonProgram(state: KernelState): string {
    const program = [
        'import json, os',
        `for name, value in json.loads(${JSON.stringify(JSON.stringify(state.variables))}).items():`,
        '    if value is None:',
        '        os.environ.pop(name, None)',
        '    else:',
        '        os.environ[name] = value',
        `shims, path = ${JSON.stringify(state.shims)}, os.environ.get("PATH", os.defpath)`,
        'if shims not in path.split(os.pathsep):',
        '    os.environ["PATH"] = shims + os.pathsep + path'
    ].join('\n');
    return `exec(${JSON.stringify(program)}, {})`;
}

/* A Python expression: whether PyTorch uses CUDA already, and keeps the devices that it has. */
export const PYTHON_IS_LATE =
    '(lambda torch: bool(torch) and torch.cuda.is_initialized())(__import__("sys").modules.get("torch"))';
