/* A monitor that says what a test wants it to: the page's files, and an overview and a history made here. */
import {readFile} from 'node:fs/promises';
import {createServer} from 'node:http';
import {extname, join} from 'node:path';

const TYPES = {'.html': 'text/html; charset=utf-8', '.css': 'text/css', '.js': 'text/javascript'};
const HEADERS = {
    'Content-Security-Policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-cache',
};
const GIB = 2 ** 30;

const rfc3339 = seconds => new Date(seconds * 1000).toISOString();
export const now = () => Math.floor(Date.now() / 1000);

export function device(index, more = {}) {
    return {
        index,
        uuid: `GPU-${index}`,
        pci_bus_id: `00000000:0${index}:00.0`,
        name: 'NVIDIA H200',
        state: 'ok',
        mig: false,
        total_memory: 141 * GIB,
        used_memory: 0,
        utilization: 0,
        temperature: 34,
        power: 76.5,
        attachments: [],
        ...more,
    };
}

export function env(eid, more = {}) {
    return {
        eid,
        uid: 1004,
        username: 'paul',
        name: null,
        gpus: null,
        gpu_memory: null,
        created: rfc3339(now() - 1620),
        pids: [1573],
        kernel_ids: [],
        devices: [],
        ...more,
    };
}

export function attach(device, eid, gpuMemory = null, ago = 1500) {
    device.attachments.push({eid, gpu_memory: gpuMemory, time: rfc3339(now() - ago)});
}

export function gpuProcess(pid, eid, index, gib, more = {}) {
    return {
        pid,
        start_time: 1,
        eid,
        uid: 1004,
        username: 'paul',
        command: 'python train.py',
        usage: [{index, used_memory: gib * GIB}],
        ...more,
    };
}

export function host(name, devices, envs = [], processes = [], more = {}) {
    return {
        name,
        up: true,
        has_genv: true,
        reason: '',
        idle: {},
        snapshot: {version: 1, hostname: name, time: rfc3339(now()), driver: '550.163.01', devices, envs, processes},
        ...more,
    };
}

export const down = (name, reason) => ({name, up: false, has_genv: false, reason, idle: {}, snapshot: null});

/* A host with 8 devices of which about half are in use, the same for the same number. */
export function busyHost(number) {
    const name = `gpu-${String(number).padStart(3, '0')}`;
    const devices = [],
        envs = [],
        processes = [];
    for (let i = 0; i < 8; i++) {
        const mark = (number * 31 + i * 17) % 100;
        devices.push(device(i));
        if (mark % 2) continue;
        const eid = String(1000 + number * 10 + i),
            user = ['paul', 'john', 'maria', 'chen', 'aisha'][mark % 5];
        const shared = mark % 4 === 0;
        envs.push(env(eid, {username: user, name: ['training', 'notebook', 'sweep'][mark % 3], pids: [Number(eid)]}));
        attach(devices[i], eid, shared ? 40 * GIB : null, mark * 300);
        Object.assign(devices[i], {
            utilization: mark,
            used_memory: (mark / 100) * (shared ? 40 : 141) * GIB,
            temperature: (40 + mark / 3) | 0,
            power: 100 + mark * 6,
        });
        processes.push(gpuProcess(Number(eid) + 5000, eid, i, devices[i].used_memory / GIB, {username: user}));
    }
    return host(name, devices, envs, processes);
}

/* An hour of points for every device of @hosts, ending with what it does now. */
export function historyOf(hosts, points = 360) {
    const times = Array.from({length: points}, (_, i) => now() - (points - 1 - i) * 10);
    const wave = (i, now, top) =>
        Math.max(0, Math.min(top, now * (0.75 + 0.25 * Math.sin((i - points + 1) / 23)) * (i > points / 4 ? 1 : 0.1)));
    const series = device => ({
        utilization: times.map((_, i) =>
            device.utilization === null || i % 120 === 50 ? null : Math.round(wave(i, device.utilization, 100)),
        ),
        memory: times.map((_, i) =>
            device.used_memory === null ? null : Math.round(wave(i, device.used_memory, device.total_memory)),
        ),
    });
    return {
        step: 10,
        times,
        hosts: Object.fromEntries(
            hosts
                .filter(host => host.up)
                .map(host => [
                    host.name,
                    Object.fromEntries(host.snapshot.devices.map(device => [device.index, series(device)])),
                ]),
        ),
    };
}

/* Serves @folder and @world, {hosts, interval, time, history, broken (a status), answer (then)}, which may change. */
export async function startStub(folder, world) {
    const requests = [];
    const api = {
        '/api/v1/overview': () => ({
            time: rfc3339(world.time ?? now()),
            interval: world.interval,
            remote: world.hosts.length > 1,
            hosts: world.hosts,
        }),
        '/api/v1/history': () => world.history ?? historyOf(world.hosts),
    };
    async function answer(request, response) {
        const path = new URL(request.url, 'http://x').pathname;
        requests.push(path);
        if (api[path]) {
            response.writeHead(world.broken ?? 200, {...HEADERS, 'Content-Type': 'application/json'});
            response.end(world.broken ? (world.answer ?? 'broken') : JSON.stringify(api[path]()));
            return;
        }
        const file = path === '/' ? 'index.html' : path.slice(1);
        const data = await readFile(join(folder, file)).catch(() => null);
        response.writeHead(data ? 200 : 404, {...HEADERS, 'Content-Type': TYPES[extname(file)] ?? 'text/plain'});
        response.end(data ?? 'Not found');
    }
    const server = createServer((request, response) => answer(request, response));
    await new Promise(done => server.listen(0, '127.0.0.1', done));
    return {
        url: `http://127.0.0.1:${server.address().port}/`,
        requests,
        stop: () =>
            new Promise(done => {
                server.close(done);
                server.closeAllConnections();
            }),
    };
}
