/* The parts of the page, each a view: {root, update(item)}. */
import {chart} from './chart.js';
import {el, limitedList, row, setAttribute, setText, sync, table} from './dom.js';
import {ago, amount, amountOf, count, ranges, seconds, span} from './model.js';

const percent = value => (value === null ? 'unknown' : `${Math.round(value)}%`);
const known = value => value !== null && value !== undefined;

/* A time: relative to the moment of the data, in the form of @word; exact in the tooltip. */
function timeView(word = ago) {
    const root = el('time');
    return {
        root,
        update(time, now) {
            const at = new Date(seconds(time) * 1000);
            setAttribute(root, 'datetime', at.toISOString());
            setAttribute(root, 'title', at.toLocaleString());
            setText(root, word(now - at / 1000));
        },
    };
}

/* Who holds a device, how much of it and since when. */
function holderView(page) {
    const user = el('bdi', {class: 'user'}),
        name = el('bdi'),
        share = el('span'),
        since = timeView(span),
        idle = el('span');
    return {
        root: el('li', {}, user, ' · ', name, el('br'), share, ', for ', since.root, idle),
        update(holder) {
            setText(user, holder.user ?? 'unknown user');
            setText(name, holder.name === null ? holder.eid : `${holder.name} (${holder.eid})`);
            setText(
                share,
                holder.capacity === null ? 'the whole device' : `${amountOf(holder.used, holder.capacity)} in use`,
            );
            since.update(holder.since, page.time);
            setText(idle, holder.idle >= 60 ? `, idle for ${span(holder.idle)}` : '');
        },
    };
}

function figure(title, kind, format) {
    const value = el('span', {class: 'value'}),
        drawn = chart(title, kind, format);
    const root = el('div', {class: 'figure'}, el('p', {}, el('span', {}, title), value), drawn.root);
    return {root, value, drawn};
}

export function deviceView(page) {
    const index = el('span', {class: 'index'}),
        model = el('bdi'),
        badge = el('span', {class: 'badge'});
    const busy = figure('Utilization', 'busy', percent),
        memory = figure('Memory', 'memory', amount);
    const facts = el('p'),
        room = el('p', {class: 'room'}),
        note = el('p', {class: 'warn'}),
        holders = el('ul', {class: 'holders', 'aria-label': 'Held by'});
    const axis = el('p', {class: 'axis', 'aria-hidden': 'true'}, el('span', {}, '1 hour ago'), el('span', {}, 'now'));
    const root = el(
        'article',
        {class: 'device'},
        el('h4', {}, index, ' ', model, ' ', badge),
        note,
        busy.root,
        memory.root,
        axis,
        facts,
        room,
        holders,
    );
    let device,
        drawn = null;

    function draw() {
        const {step, times, series} = page.history(device.host, device.index);
        if (series === drawn) return;
        drawn = series;
        busy.drawn.update({times, step, values: series.utilization, scale: 100});
        memory.drawn.update({times, step, values: series.memory, scale: device.total});
    }
    return {
        root,
        update(item) {
            device = item;
            setAttribute(root, 'data-status', item.status);
            busy.root.hidden = memory.root.hidden = axis.hidden = item.problem !== null;
            setText(index, `${item.index}`);
            setText(model, item.mig ? `${item.model}, MIG` : item.model);
            setText(badge, item.status);
            setText(
                note,
                [
                    item.problem,
                    item.strangers &&
                        `Used by ${count(item.strangers, 'process', 'processes')} outside any environment`,
                ]
                    .filter(Boolean)
                    .join('. '),
            );
            setText(busy.value, percent(item.utilization));
            setText(memory.value, amountOf(item.used, item.total));
            setText(
                facts,
                [
                    known(item.temperature) && `${item.temperature} °C`,
                    known(item.power) && `${Math.round(item.power)} W`,
                ]
                    .filter(Boolean)
                    .join(' · '),
            );
            setText(room, item.room > 0 ? `${amount(item.room)} left to share` : '');
            sync(
                holders,
                item.holders,
                holder => holder.eid,
                () => holderView(page),
            );
            holders.hidden = !item.holders.length;
            draw();
        },
    };
}

/* One bar per device shows how busy it is: what the words next to it say, at a glance. */
function pulseView() {
    const fill = el('span'),
        root = el('span', {}, fill);
    return {
        root,
        update(device) {
            setAttribute(root, 'data-status', device.status);
            fill.style.blockSize = `${device.utilization ?? 0}%`;
        },
    };
}

function hostSummary(host) {
    if (!host.up) return 'down';
    const free = host.devices.filter(device => device.free).length;
    const busy = host.devices.map(device => device.utilization).filter(known);
    const mean = busy.reduce((total, value) => total + value, 0) / busy.length;
    const parts = [
        host.managed
            ? `${free} of ${count(host.devices.length, 'device')} free`
            : `${count(host.devices.length, 'device')}, without genv`,
    ];
    if (busy.length) parts.push(`${percent(mean)} busy`);
    return parts.join(', ');
}

/* A host, which expands to show its devices: those of a collapsed one are not in the document. */
export function hostView(page) {
    const name = el('bdi'),
        words = el('span', {class: 'words'}),
        pulse = el('span', {class: 'pulse', 'aria-hidden': 'true'});
    const reason = el('span', {class: 'warn'}),
        devices = el('div', {class: 'devices'}),
        driver = el('p', {class: 'note'});
    const summary = el('summary', {}, el('h3', {}, name), pulse, words, reason);
    const root = el('details', {class: 'host'}, summary, driver, devices);
    let host,
        chosen = null;

    function fill() {
        sync(
            devices,
            root.open ? host.devices : [],
            device => device.key,
            () => deviceView(page),
        );
    }
    summary.addEventListener('click', () => (chosen = !root.open));
    root.addEventListener('toggle', fill);
    return {
        root,
        choose(open) {
            root.open = chosen = open;
        },
        update(item) {
            host = item;
            setAttribute(root, 'data-up', String(host.up));
            setText(name, host.name);
            setText(words, hostSummary(host));
            setText(reason, host.up ? '' : host.reason);
            sync(pulse, host.devices, device => device.key, pulseView);
            setText(
                driver,
                !host.up
                    ? 'Its devices are unknown while it is down.'
                    : host.devices.length
                      ? `Driver ${host.driver ?? 'unknown'}`
                      : 'This host has no devices.',
            );
            root.open = chosen ?? page.openByDefault;
            fill();
        },
    };
}

const listed = devices => `${devices.length > 1 ? 'Devices' : 'Device'} ${ranges(devices.map(device => device.index))}`;

/* The available devices of a host, in a tile. */
export function tileView() {
    const name = el('bdi'),
        number = el('strong'),
        total = el('span'),
        kinds = el('ul');
    const root = el('li', {}, el('div', {}, el('h3', {}, name), el('p', {}, number, ' ', total)), kinds);
    const kindView = () => {
        const kind = el('li');
        return {root: kind, update: text => setText(kind, text)};
    };
    return {
        root,
        update(host) {
            const free = host.devices.filter(device => device.free);
            const models = Map.groupBy(
                free,
                device => `${device.model}, ${device.total === null ? 'memory unknown' : amount(device.total)}`,
            );
            const list = [...models].map(([model, devices]) => `${listed(devices)}: ${model}`);
            const shared = Map.groupBy(
                host.devices.filter(device => device.room > 0),
                device => amount(device.room),
            );
            list.push(...[...shared].map(([room, devices]) => `${listed(devices)}: ${room} left to share`));
            setText(name, host.name);
            setText(number, String(free.length));
            setText(total, `of ${host.devices.length} free`);
            sync(kinds, list, text => text, kindView);
        },
    };
}

export function troubleView() {
    const host = el('bdi', {class: 'user'}),
        text = el('span');
    return {
        root: el('li', {}, host, ' ', text),
        update(trouble) {
            setText(host, trouble.host);
            setText(text, trouble.text);
        },
    };
}

/* A table of items, which shows its first rows until asked for more: a function of (items, text when there are none). */
function listTable(section, label, titles, noun, rowView) {
    const at = id => document.getElementById(`${section}-${id}`);
    const parts = table(label, titles);
    const list = limitedList(parts.body, at('all'), 50, noun);
    at('table').append(parts.root);
    return (items, none) => {
        list(items, item => item.key, rowView);
        parts.root.hidden = !items.length;
        at('none').hidden = items.length > 0;
        setText(at('none'), none);
    };
}

const ENV_TITLES = ['Environment', 'Name', 'User', 'Host', 'Devices', 'Memory in use', 'Created', 'Members'];

export function envTable(page) {
    return listTable('envs', 'Environments', ENV_TITLES, 'environments', () => {
        const [eid, name, user, host] = ['eid', 'name', 'user', 'host'].map(() => el('bdi'));
        const devices = el('span'),
            memory = el('span'),
            members = el('span'),
            created = timeView();
        return {
            root: row(ENV_TITLES, [eid, name, user, host, devices, memory, created.root, members]),
            update(env) {
                setText(eid, env.eid);
                setText(name, env.name ?? '–');
                setText(user, env.user);
                setText(host, env.host);
                setText(devices, ranges(env.devices) || 'detached');
                setText(memory, env.memory || '–');
                setText(
                    members,
                    env.members.length > 4
                        ? `${env.members.slice(0, 3).join(', ')} and ${env.members.length - 3} more`
                        : env.members.join(', '),
                );
                created.update(env.created, page.time);
            },
        };
    });
}

const PROCESS_TITLES = ['Process', 'Command', 'User', 'Environment', 'Host', 'Devices'];

export function processTable() {
    return listTable('processes', 'Processes', PROCESS_TITLES, 'processes', () => {
        const nodes = PROCESS_TITLES.map(() => el('bdi'));
        const root = row(PROCESS_TITLES, nodes);
        return {
            root,
            update(process) {
                const texts = [
                    process.pid,
                    process.command,
                    process.user,
                    process.eid ?? (process.managed ? 'none' : 'unknown'),
                    process.host,
                    process.usage.join(', '),
                ];
                nodes.forEach((node, i) => setText(node, String(texts[i])));
            },
        };
    });
}
