/* A chart of the last hour, as plain SVG with a text alternative. */
import {setAttribute, svg} from './dom.js';

const SPAN = 3600;

/* The points [seconds ago, percent], in runs without a gap. */
function runs(times, values, scale, step) {
    const list = [];
    const end = times.at(-1);
    let last = null;
    values.forEach((value, i) => {
        const x = SPAN - (end - times[i]);
        if (value === null || x < 0) {
            last = null;
            return;
        }
        if (last === null || x - last > 3 * step) list.push([]);
        list.at(-1).push([x, 100 - Math.min(100, (value / scale) * 100)]);
        last = x;
    });
    return list;
}

const line = points => points.map(([x, y], i) => `${i ? 'L' : 'M'}${x.toFixed(0)} ${y.toFixed(1)}`).join('');
/* A single point is a short stroke, or nothing would show. */
const stroke = points => line(points) + (points.length === 1 ? 'h12' : '');
const area = points => `${line(points)}L${points.at(-1)[0].toFixed(0)} 100L${points[0][0].toFixed(0)} 100Z`;

function sentence(what, values, format) {
    const known = values.filter(value => value !== null);
    if (!known.length) return `${what} over the last hour: unknown`;
    const mean = known.reduce((total, value) => total + value, 0) / known.length;
    return (
        `${what} over the last hour: now ${format(known.at(-1))}, lowest ${format(Math.min(...known))}, ` +
        `highest ${format(Math.max(...known))}, average ${format(mean)}`
    );
}

/* A view: update({times, values, scale, step}); without values, nothing is known yet. */
export function chart(what, kind, format) {
    const fill = svg('path', {class: 'area'});
    const path = svg('path', {class: 'line'});
    const root = svg(
        'svg',
        {class: `chart ${kind}`, role: 'img', viewBox: '0 0 3600 100', preserveAspectRatio: 'none'},
        svg('path', {class: 'grid', d: 'M0 50H3600M1200 0V100M2400 0V100'}),
        fill,
        path,
    );
    return {
        root,
        update({times, values, scale, step}) {
            const parts = scale ? runs(times, values, scale, step) : [];
            setAttribute(fill, 'd', parts.map(area).join(''));
            setAttribute(path, 'd', parts.map(stroke).join(''));
            setAttribute(root, 'aria-label', sentence(what, values, format));
        },
    };
}
