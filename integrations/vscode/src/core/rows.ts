/** The rows of the views, made from what genv says: pure functions, without the editor. */
import type { Device, Environment, Process, Snapshot } from './snapshot.ts';
import { amount, counted, plain } from './words.ts';

export interface Row {
  /** The same row has the same identity at the next update. */
  id: string;
  label: string;
  description?: string;
  tooltip?: string;
  /** A name of the editor's icons, and of its colors. */
  icon: string;
  color?: string;
  /** Which commands the row has. */
  context?: string;
  /** Of a device. */
  index?: number;
  /** Of an environment of the user that another window, or a terminal, has. */
  other?: Environment;
  children?: Row[];
}

const ownColor = 'charts.green';
const otherColor = 'charts.yellow'; // orange is hard to see in dark themes
const failedColor = 'charts.red';

function personAndName(environment: Environment): string {
  return plain(environment.name ? `${environment.username}: ${environment.name}` : environment.username);
}

function memory(used: number | undefined, total: number | undefined): string | undefined {
  if (used === undefined) {
    return total === undefined ? undefined : amount(total);
  }
  if (total === undefined) {
    return amount(used);
  }
  const [number, unit] = amount(used).split(' ');
  return amount(total).endsWith(` ${unit}`) || used === 0 ? `${number} of ${amount(total)}` : `${amount(used)} of ${amount(total)}`;
}

function joined(...parts: (string | undefined)[]): string {
  return parts.filter(Boolean).join(' · ');
}

function percent(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${value}%`;
}

/** How much of the device is left for an environment with that capacity; whole devices need an empty one. */
function hasRoom(device: Device, capacity: number | undefined): boolean {
  if (device.attachments.length === 0) {
    return true;
  }
  if (capacity === undefined || device.totalMemory === undefined) {
    return false;
  }
  let taken = 0;
  for (const attachment of device.attachments) {
    if (attachment.gpuMemory === undefined) {
      return false;
    }
    taken += attachment.gpuMemory;
  }
  return taken + capacity <= device.totalMemory;
}

function holders(device: Device, environments: Map<string, Environment>, eid: string | undefined): string {
  const others = device.attachments.filter((attachment) => attachment.eid !== eid);
  const names = others.map((attachment) => {
    const environment = environments.get(attachment.eid);
    return environment ? personAndName(environment) : attachment.eid;
  });
  if (others.length < device.attachments.length) {
    names.unshift('this window');
  }
  return names.join(', ');
}

function deviceTooltip(device: Device, environments: Map<string, Environment>): string {
  const lines = [`GPU ${device.index}: ${plain(device.name)}`, device.uuid];
  if (device.state !== 'ok') {
    lines.push(`State: ${plain(device.state)}`);
  }
  const used = memory(device.usedMemory, device.totalMemory);
  if (used) {
    lines.push(`Memory: ${used}`);
  }
  if (device.utilization !== undefined) {
    lines.push(`Utilization: ${device.utilization}%`);
  }
  if (device.temperature !== undefined) {
    lines.push(`Temperature: ${device.temperature} °C`);
  }
  for (const attachment of device.attachments) {
    const environment = environments.get(attachment.eid);
    const capacity = attachment.gpuMemory === undefined ? 'whole device' : amount(attachment.gpuMemory);
    lines.push(`${environment ? personAndName(environment) : 'unknown'} (${attachment.eid}): ${capacity}`);
  }
  return lines.join('\n');
}

function deviceRow(device: Device, environments: Map<string, Environment>, own: Environment | undefined): Row {
  const isOwn = own !== undefined && device.attachments.some((attachment) => attachment.eid === own.eid);
  const isFree = device.attachments.length === 0;
  const works = device.state === 'ok';
  const row: Row = {
    id: `device-${device.index}-${device.uuid}`,
    label: `GPU ${device.index}`,
    description: works
      ? joined(percent(device.utilization), memory(device.usedMemory, device.totalMemory), isFree ? 'free' : holders(device, environments, own?.eid))
      : plain(device.state),
    tooltip: deviceTooltip(device, environments),
    icon: !works ? 'error' : isOwn ? 'pass-filled' : isFree ? 'circle-large-outline' : 'lock',
    index: device.index,
  };
  const color = !works ? failedColor : isOwn ? ownColor : isFree ? undefined : otherColor;
  if (color) {
    row.color = color;
  }
  if (isOwn) {
    row.context = 'detach';
  } else if (works) {
    row.context = hasRoom(device, own?.gpuMemory) ? 'attach' : 'attachOverSubscription';
  }
  return row;
}

function byEid(snapshot: Snapshot): Map<string, Environment> {
  return new Map(snapshot.envs.map((environment) => [environment.eid, environment]));
}

export function deviceRows(snapshot: Snapshot, own: Environment | undefined): Row[] {
  const environments = byEid(snapshot);
  return snapshot.devices.map((device) => deviceRow(device, environments, own));
}

/** "2 of 8 free" */
export function devicesSummary(snapshot: Snapshot): string {
  const free = snapshot.devices.filter((device) => device.state === 'ok' && device.attachments.length === 0).length;
  return snapshot.devices.length ? `${free} of ${snapshot.devices.length} free` : 'no devices';
}

function usedBy(processes: Process[]): number | undefined {
  const known = processes.flatMap((process) => process.usage.map((usage) => usage.usedMemory)).filter((used) => used !== undefined);
  return known.length ? known.reduce((sum, used) => sum + used, 0) : undefined;
}

function processRow(eid: string, process: Process, devices: Map<string, number>): Row {
  const used = usedBy([process]);
  const indices = process.usage.map((usage) => devices.get(usage.uuid)).filter((index) => index !== undefined);
  return {
    id: `process-${eid}-${process.pid}`,
    label: plain(process.command) || `process ${process.pid}`,
    description: joined(String(process.pid), indices.length ? `GPU ${indices.join(', ')}` : undefined, used === undefined ? undefined : amount(used)),
    tooltip: `${plain(process.command)}\nPID ${process.pid}, ${plain(process.username)}`,
    icon: 'terminal',
  };
}

function environmentTooltip(environment: Environment): string {
  const lines = [`${environment.name ? plain(environment.name) : 'Environment'} (${environment.eid})`, `User: ${plain(environment.username)}`];
  if (environment.devices.length) {
    lines.push(`Devices: ${environment.devices.join(', ')}`);
  }
  if (environment.gpuMemory !== undefined) {
    lines.push(`Memory on each: ${amount(environment.gpuMemory)}`);
  }
  if (environment.created) {
    lines.push(`Since ${environment.created.toLocaleString()}`);
  }
  return lines.join('\n');
}

export function environmentRows(snapshot: Snapshot, own: Environment | undefined, uid: number): Row[] {
  const indices = new Map(snapshot.devices.map((device) => [device.uuid, device.index]));
  const ownFirst = [...snapshot.envs].sort((a, b) => Number(b.eid === own?.eid) - Number(a.eid === own?.eid));
  return ownFirst.map((environment) => {
    const processes = snapshot.processes.filter((process) => process.eid === environment.eid);
    const used = usedBy(processes);
    const isOwn = environment.eid === own?.eid;
    const row: Row = {
      id: `environment-${environment.eid}`, // an ID may look like that of any other row
      label: environment.name ? plain(environment.name) : environment.eid,
      description: joined(
        used === undefined ? undefined : amount(used),
        environment.devices.length ? `GPU ${environment.devices.join(', ')}` : 'no devices',
        plain(environment.username),
      ),
      tooltip: environmentTooltip(environment),
      icon: isOwn ? 'pass-filled' : environment.devices.length ? 'lock' : 'circle-large-outline',
      children: processes.map((process) => processRow(environment.eid, process, indices)),
    };
    if (!isOwn && environment.uid === uid) {
      row.context = 'other';
      row.other = environment;
    }
    if (isOwn || environment.devices.length) {
      row.color = isOwn ? ownColor : otherColor;
    }
    return row;
  });
}

/** The devices of the window's environment, with what its own processes use. */
function ownDeviceRows(own: Environment, snapshot: Snapshot | undefined): Row[] {
  return own.devices.map((index) => {
    const device = snapshot?.devices.find((item) => item.index === index);
    const usage = snapshot?.processes
      .filter((process) => process.eid === own.eid)
      .flatMap((process) => process.usage.filter((item) => item.uuid === device?.uuid));
    const used = usage?.reduce((sum, item) => sum + (item.usedMemory ?? 0), 0);
    return {
      id: `own-${index}`,
      label: `GPU ${index}`,
      description: joined(percent(device?.utilization), memory(used, own.gpuMemory ?? device?.totalMemory)),
      tooltip: device ? `${plain(device.name)}\nMemory: used by this environment, and how much it may use` : `GPU ${index}`,
      icon: 'circuit-board',
      context: 'detach',
      index,
    };
  });
}

export function ownRows(own: Environment | undefined, snapshot: Snapshot | undefined): Row[] {
  if (!own) {
    return [];
  }
  const attached = own.devices.length > 0;
  const attachment: Row = {
    id: attached ? 'attached' : 'detached', // which differ, so that the devices are shown once there are some
    label: attached ? 'Attached' : 'Detached',
    description: attached ? counted(own.devices.length, 'device') : 'programs see no devices',
    icon: attached ? 'pass-filled' : 'circle-large-outline',
    context: attached ? 'attached' : 'detached',
    children: ownDeviceRows(own, snapshot),
  };
  if (attached) {
    attachment.color = ownColor;
  }
  return [
    { id: 'name', label: 'Name', description: own.name ? plain(own.name) : 'none', tooltip: `Environment ${own.eid}`, icon: 'tag', context: 'name' },
    { id: 'gpus', label: 'Devices', description: own.gpus === undefined ? 'not configured' : String(own.gpus), icon: 'symbol-number', context: 'gpus' },
    {
      id: 'gpuMemory',
      label: 'Memory on each',
      description: own.gpuMemory === undefined ? 'whole device' : amount(own.gpuMemory),
      icon: 'database',
      context: 'gpuMemory',
    },
    attachment,
  ];
}

/** The status bar: "2 GPUs", "1 GPU", "No GPUs". */
export function statusText(own: Environment): string {
  const count = own.devices.length;
  return count === 0 ? 'No GPUs' : counted(count, 'GPU');
}

export function statusTooltip(own: Environment): string {
  const devices = own.devices.length ? `Attached to GPU ${own.devices.join(', ')}` : 'Detached from GPUs';
  return `${own.name ? plain(own.name) : `Environment ${own.eid}`}\n${devices}\nClick to change the device count`;
}
