/* The overview as plain objects and words; nothing here touches the document. */

const MIB = 2 ** 20,
    GIB = 2 ** 30;
const LONG_IDLE = 3600; // seconds
const STATES = {
    lost: 'Lost: it fell off the bus or needs a reset',
    forbidden: 'The monitor is not permitted to open it',
    failed: 'The driver does not respond for this device',
};

/* An amount of memory: tenths below 100 GiB, MiB below 1 GiB. */
export function amount(bytes) {
    if (bytes > 0 && bytes < GIB) return `${Math.ceil(bytes / MIB)} MiB`;
    const gib = bytes / GIB;
    return `${gib >= 100 ? Math.round(gib) : Math.round(gib * 10) / 10} GiB`;
}

export function amountOf(used, total) {
    const part = used === null ? 'unknown' : amount(used);
    if (total === null) return part;
    const whole = amount(total);
    return `${part.endsWith(whole.slice(-4)) ? part.slice(0, -4) : part} of ${whole}`;
}

export const count = (number, noun, nouns = `${noun}s`) =>
    `${number.toLocaleString('en')} ${number === 1 ? noun : nouns}`;

const UNITS = [
    ['week', 604800],
    ['day', 86400],
    ['hour', 3600],
    ['minute', 60],
    ['second', 1],
];

/* A duration in its largest unit: "27 minutes". */
export function span(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const [unit, length] = UNITS.find(([, size]) => whole >= size) ?? ['second', 1];
    return count(Math.floor(whole / length), unit);
}

export const ago = seconds => (seconds < 1 ? 'just now' : `${span(seconds)} ago`);

/* [0, 1, 2, 5] as "0–2, 5". */
export function ranges(indices) {
    const parts = [];
    for (const index of indices) {
        const last = parts.at(-1);
        if (last && last[1] === index - 1) last[1] = index;
        else parts.push([index, index]);
    }
    return parts
        .map(([from, to]) => (from === to ? `${from}` : `${from}${to === from + 1 ? ', ' : '–'}${to}`))
        .join(', ');
}

/* A time of the API, whether seconds or RFC 3339, in seconds. */
export const seconds = time => (typeof time === 'number' ? time : Date.parse(time) / 1000);

/* null if all of them are unknown. */
function sum(numbers) {
    const known = numbers.filter(number => number !== null);
    return numbers.length && !known.length ? null : known.reduce((total, number) => total + number, 0);
}

const lower = (...words) =>
    words
        .filter(word => word !== null && word !== undefined)
        .join('\n')
        .toLowerCase();

function usedOn(processes, index) {
    return sum(
        processes
            .flatMap(process => process.usage.filter(usage => usage.index === index))
            .map(usage => usage.used_memory),
    );
}

function describeHolder(attachment, index, host, envs, processes) {
    const env = envs.get(attachment.eid);
    return {
        eid: attachment.eid,
        name: env?.name ?? null,
        user: env?.username ?? null,
        capacity: attachment.gpu_memory,
        since: attachment.time,
        idle: host.idle.get(attachment.eid) ?? 0,
        used: usedOn(
            processes.filter(process => process.eid === attachment.eid),
            index,
        ),
    };
}

function describeDevice(device, host, envs, processes) {
    const here = processes.filter(process => process.usage.some(usage => usage.index === device.index));
    const holders = device.attachments.map(attachment => describeHolder(attachment, device.index, host, envs, here));
    const works = (device.state ?? 'ok') === 'ok';
    const whole = holders.some(holder => holder.capacity === null);
    const held = whole ? device.total_memory : sum(holders.map(holder => holder.capacity));
    const free = works && host.managed && holders.length === 0;
    const status = !works ? 'Failed' : free ? 'Free' : holders.length ? 'Held' : 'Not managed';
    return {
        key: device.uuid ?? String(device.index),
        index: device.index,
        host: host.name,
        model: device.name ?? 'Unknown device',
        mig: device.mig === true,
        problem: works ? null : (STATES[device.state] ?? device.state),
        status,
        free,
        held,
        holders,
        room: works && !whole && holders.length && device.total_memory ? Math.max(0, device.total_memory - held) : 0,
        total: device.total_memory,
        used: device.used_memory,
        utilization: device.utilization,
        temperature: device.temperature,
        power: device.power,
        strangers: host.managed ? here.filter(process => process.eid === null).length : 0,
        text: lower(
            host.name,
            `device ${device.index}`,
            device.name,
            device.uuid,
            status,
            ...holders.flatMap(holder => [holder.eid, holder.name, holder.user]),
        ),
    };
}

function describeEnv(env, host, devices, processes) {
    const own = processes.filter(process => process.eid === env.eid);
    const held = devices.filter(device => device.holders.some(holder => holder.eid === env.eid));
    const bytes = held.map(device => device.holders.find(holder => holder.eid === env.eid).capacity ?? device.total);
    const used = sum(own.flatMap(process => process.usage).map(usage => usage.used_memory));
    return {
        key: `${host.name}\n${env.eid}`,
        eid: env.eid,
        name: env.name,
        user: env.username,
        host: host.name,
        devices: held.map(device => device.index),
        memory: held.length ? amountOf(used, sum(bytes)) : '',
        created: env.created,
        idle: held.length ? (host.idle.get(env.eid) ?? 0) : 0,
        members: [...env.pids.map(String), ...env.kernel_ids.map(id => `kernel ${id}`)],
        text: lower(
            host.name,
            env.eid,
            env.name,
            env.username,
            held.length ? 'attached' : 'detached',
            ...env.pids,
            ...held.map(device => `device ${device.index}`),
        ),
    };
}

function describeProcess(process, host) {
    return {
        key: `${host.name}\n${process.pid}`,
        pid: process.pid,
        command: process.command ?? 'unknown',
        user: process.username ?? 'unknown',
        eid: process.eid,
        managed: host.managed,
        host: host.name,
        usage: process.usage.map(
            usage => `${usage.index}: ${usage.used_memory === null ? 'unknown' : amount(usage.used_memory)}`,
        ),
        text: lower(
            host.name,
            process.pid,
            process.command,
            process.username,
            process.eid ?? 'none',
            ...process.usage.map(usage => `device ${usage.index}`),
        ),
    };
}

function describeHost(raw) {
    const snapshot = raw.snapshot ?? {devices: [], envs: [], processes: []};
    const host = {
        name: raw.name,
        up: raw.up,
        managed: raw.has_genv,
        reason: raw.reason,
        driver: snapshot.driver ?? null,
        idle: new Map(Object.entries(raw.idle ?? {})),
    };
    const envs = new Map(snapshot.envs.map(env => [env.eid, env]));
    const devices = snapshot.devices.map(device => describeDevice(device, host, envs, snapshot.processes));
    return Object.assign(host, {
        devices,
        envs: snapshot.envs.map(env => describeEnv(env, host, devices, snapshot.processes)),
        processes: snapshot.processes.map(process => describeProcess(process, host)),
        text: lower(raw.name, host.driver, raw.up ? 'up' : 'down', raw.reason, raw.has_genv ? null : 'without genv'),
    });
}

export function describe(overview) {
    return {time: seconds(overview.time), interval: overview.interval, hosts: overview.hosts.map(describeHost)};
}

/* The part of @model in which every word of @filter is found. A host stays for its own sake, or for what is on it. */
export function select(model, filter) {
    const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = item => words.every(word => item.text.includes(word));
    if (!words.length) return model.hosts;
    return model.hosts
        .map(host => ({
            ...host,
            devices: host.devices.filter(matches),
            envs: host.envs.filter(matches),
            processes: host.processes.filter(matches),
        }))
        .filter(host => host.devices.length || host.envs.length || host.processes.length || matches(host));
}

/* What needs attention: [{key, host, text}]. */
export function troubles(hosts) {
    return hosts.flatMap(host => {
        const list = [];
        if (!host.up)
            list.push({
                key: `${host.name}\ndown`,
                host: host.name,
                text: `is down: ${host.reason || 'unknown reason'}`,
            });
        for (const env of host.envs.filter(item => item.idle >= LONG_IDLE)) {
            const held = `${env.devices.length === 1 ? 'device' : 'devices'} ${ranges(env.devices)}`;
            const text = `environment ${env.name ?? env.eid} of ${env.user} holds ${held} and has been idle for ${span(env.idle)}`;
            list.push({key: env.key, host: host.name, text});
        }
        for (const device of host.devices) {
            const say = text =>
                list.push({
                    key: `${host.name}\n${device.key}\n${text}`,
                    host: host.name,
                    text: `device ${device.index}: ${text}`,
                });
            if (device.problem) say(device.problem);
            if (device.strangers) say(`${count(device.strangers, 'process', 'processes')} outside any environment`);
            for (const holder of device.holders)
                if (holder.capacity !== null && holder.used > holder.capacity)
                    say(
                        `environment ${holder.name ?? holder.eid} uses more than its capacity ` +
                            `of ${amount(holder.capacity)}`,
                    );
        }
        return list;
    });
}

const byDevice = model =>
    new Map(model.hosts.flatMap(host => host.devices.map(device => [`${host.name}\n${device.key}`, device])));

/* What has changed, in sentences, for screen readers. */
export function news(before, after) {
    const list = [];
    const hosts = new Map(before.hosts.map(host => [host.name, host]));
    for (const host of after.hosts)
        if (hosts.has(host.name) && hosts.get(host.name).up !== host.up)
            list.push(host.up ? `${host.name} is up again.` : `${host.name} is down: ${host.reason}.`);
    const devices = byDevice(before);
    for (const [key, device] of byDevice(after)) {
        const old = devices.get(key);
        if (old && old.status !== device.status)
            list.push(
                `Device ${device.index} on ${device.host} is now ${device.status.toLowerCase()}` +
                    (device.status === 'Held' ? ` by ${device.holders[0].user ?? device.holders[0].eid}.` : '.'),
            );
    }
    return list.length > 3 ? [...list.slice(0, 3), `And ${count(list.length - 3, 'more change')}.`] : list;
}
