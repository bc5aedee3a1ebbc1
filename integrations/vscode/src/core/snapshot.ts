/** What `genv snapshot` and `genv envs --format json` print. Unknown members are ignored, unknown figures undefined. */

export interface Attachment {
  eid: string;
  gpuMemory: number | undefined;
}

export interface Device {
  index: number;
  uuid: string;
  name: string;
  state: string;
  totalMemory: number | undefined;
  usedMemory: number | undefined;
  utilization: number | undefined;
  temperature: number | undefined;
  attachments: Attachment[];
}

export interface Environment {
  eid: string;
  uid: number;
  username: string;
  name: string | undefined;
  gpus: number | undefined;
  gpuMemory: number | undefined;
  created: Date | undefined;
  pids: number[];
  /** The indices of its devices. */
  devices: number[];
}

export interface Usage {
  uuid: string;
  usedMemory: number | undefined;
}

export interface Process {
  pid: number;
  eid: string | undefined;
  username: string;
  command: string;
  usage: Usage[];
}

export interface Snapshot {
  hostname: string;
  devices: Device[];
  envs: Environment[];
  processes: Process[];
}

type Json = Record<string, unknown>;

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function numbers(value: unknown): number[] {
  return list(value).filter((item) => typeof item === 'number');
}

function device(value: unknown): Device {
  const json = object(value);
  return {
    index: number(json['index']) ?? -1,
    uuid: text(json['uuid']),
    name: text(json['name']),
    state: text(json['state']) || 'ok',
    totalMemory: number(json['total_memory']),
    usedMemory: number(json['used_memory']),
    utilization: number(json['utilization']),
    temperature: number(json['temperature']),
    attachments: list(json['attachments']).map((item) => ({
      eid: text(object(item)['eid']),
      gpuMemory: number(object(item)['gpu_memory']),
    })),
  };
}

function environment(value: unknown): Environment {
  const json = object(value);
  const created = new Date(text(json['created']));
  return {
    eid: text(json['eid']),
    uid: number(json['uid']) ?? -1,
    username: text(json['username']),
    name: text(json['name']) || undefined,
    gpus: number(json['gpus']),
    gpuMemory: number(json['gpu_memory']),
    created: Number.isNaN(created.getTime()) ? undefined : created,
    pids: numbers(json['pids']),
    devices: numbers(json['devices']),
  };
}

function process(value: unknown): Process {
  const json = object(value);
  return {
    pid: number(json['pid']) ?? 0,
    eid: text(json['eid']) || undefined,
    username: text(json['username']),
    command: text(json['command']),
    usage: list(json['usage']).map((item) => ({
      uuid: text(object(item)['uuid']),
      usedMemory: number(object(item)['used_memory']),
    })),
  };
}

export function parseEnvironments(json: unknown): Environment[] {
  return list(json).map(environment);
}

export function parseSnapshot(json: unknown): Snapshot {
  const top = object(json);
  return {
    hostname: text(top['hostname']),
    devices: list(top['devices']).map(device),
    envs: list(top['envs']).map(environment),
    processes: list(top['processes']).map(process),
  };
}
