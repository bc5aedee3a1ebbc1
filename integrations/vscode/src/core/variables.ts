/** The variables of the window's environment: in this process, in terminals and in debug sessions. */
import type { Variables } from './genv.ts';

/** The folder that genv has put in front of PATH. */
export function shimsOf(variables: Variables): string | undefined {
  return variables['PATH']?.split(':')[0] || undefined;
}

function withoutFolder(path: string, folder: string): string {
  return path
    .split(':')
    .filter((item) => item !== folder)
    .join(':');
}

/** The path with the folder in front, and nowhere else in it. */
export function putFirst(folder: string, path: string): string {
  const rest = withoutFolder(path, folder);
  return rest ? `${folder}:${rest}` : folder;
}

/**
 * The variables in the environment of a process, such as that of all extensions: what they start from then on, such as
 * kernels of notebooks and runs of tests, is in the environment.
 */
export class AppliedVariables {
  private readonly env: NodeJS.ProcessEnv;
  private readonly saved = new Map<string, string | undefined>();
  private shims: string | undefined;

  constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
  }

  private set(name: string, value: string | null | undefined): void {
    if (value === null || value === undefined) {
      delete this.env[name];
    } else {
      this.env[name] = value;
    }
  }

  apply(variables: Variables): void {
    for (const [name, value] of Object.entries(variables)) {
      if (name !== 'PATH') {
        if (!this.saved.has(name)) {
          this.saved.set(name, this.env[name]);
        }
        this.set(name, value);
      }
    }
    this.setShims(shimsOf(variables));
  }

  /** Undoes it; changes that others have made to PATH meanwhile stay. */
  restore(): void {
    for (const [name, value] of this.saved) {
      this.set(name, value);
    }
    this.saved.clear();
    this.setShims(undefined);
  }

  private setShims(shims: string | undefined): void {
    if (this.shims) {
      this.env['PATH'] = withoutFolder(this.env['PATH'] ?? '', this.shims);
    }
    if (shims) {
      this.env['PATH'] = putFirst(shims, this.env['PATH'] ?? '');
    }
    this.shims = shims;
  }
}

/** The environment of a process without what it has from an environment of genv. */
export function withoutEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = /^GENV_(ENVIRONMENT_(ID|NAME)|GPUS|GPU_MEMORY|SHELL|SHELL_DEVICES)$/;
  const inside = 'GENV_ENVIRONMENT_ID' in env;
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !own.test(name) && !(inside && /^CUDA_(VISIBLE_DEVICES|DEVICE_ORDER)$/.test(name))),
  );
}

/** What a debugger calls the environment of what it starts: an object, a list of "NAME=VALUE", or of names and values. */
export interface DebugConfiguration {
  type: string;
  request: string;
  env?: Record<string, unknown> | string[];
  environment?: { name: string; value: string }[];
  [key: string]: unknown;
}

const listsVariables = new Set(['cppdbg', 'cppvsdbg', 'cuda-gdb']);

/**
 * The configuration of a debug session in the environment. What the user has set in it stays. PATH is touched only where
 * it is set: what is debugged has that of the terminal or of the editor, which begin with the shims.
 */
export function debugConfiguration<T extends DebugConfiguration>(configuration: T, variables: Variables): T {
  if (configuration.request !== 'launch') {
    return configuration;
  }
  const shims = shimsOf(variables);
  const ours = Object.entries(variables).filter((entry): entry is [string, string] => entry[0] !== 'PATH' && entry[1] !== null);
  if (listsVariables.has(configuration.type) || Array.isArray(configuration.environment)) {
    const given = Array.isArray(configuration.environment) ? configuration.environment : [];
    const names = new Set(given.map((item) => item.name));
    const added = ours.filter(([name]) => !names.has(name)).map(([name, value]) => ({ name, value }));
    const kept = given.map((item) => (item.name === 'PATH' && shims ? { ...item, value: putFirst(shims, item.value) } : item));
    return { ...configuration, environment: [...added, ...kept] };
  }
  if (Array.isArray(configuration.env)) {
    const given = configuration.env.map((item) => (item.startsWith('PATH=') && shims ? `PATH=${putFirst(shims, item.slice(5))}` : item));
    const added = ours.filter(([name]) => !given.some((item) => item.startsWith(`${name}=`)));
    return { ...configuration, env: [...added.map(([name, value]) => `${name}=${value}`), ...given] };
  }
  const given = configuration.env ?? {};
  const path = given['PATH'];
  return {
    ...configuration,
    env: { ...Object.fromEntries(ours), ...given, ...(typeof path === 'string' && shims ? { PATH: putFirst(shims, path) } : {}) },
  };
}
