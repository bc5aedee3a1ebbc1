/** Everything that this window starts is in its environment: terminals, tasks, debug sessions, and what extensions run. */
import * as vscode from 'vscode';
import type { Active } from '../core/window.ts';
import { AppliedVariables, debugConfiguration, shimsOf } from '../core/variables.ts';

const mutator: vscode.EnvironmentVariableMutatorOptions = { applyAtProcessCreation: true, applyAtShellIntegration: true };

export class Surroundings implements vscode.DebugConfigurationProvider {
  private readonly collection: vscode.GlobalEnvironmentVariableCollection;
  private readonly applied = new AppliedVariables(process.env);
  private active: Active | undefined;

  constructor(collection: vscode.GlobalEnvironmentVariableCollection) {
    this.collection = collection;
    collection.persistent = false; // the environment may end with the window
    collection.clear();
  }

  show(active: Active | undefined): void {
    this.active = active;
    if (!active) {
      this.applied.restore();
      this.collection.clear();
      return;
    }
    const { environment, variables } = active;
    const shims = shimsOf(variables);
    this.applied.apply(variables);
    this.collection.clear();
    for (const [name, value] of Object.entries(variables)) {
      if (name !== 'PATH' && value !== null) {
        this.collection.replace(name, value, mutator);
      }
    }
    if (shims) {
      this.collection.prepend('PATH', `${shims}:`, mutator);
    }
    this.collection.description = environment.devices.length
      ? `GPU environment, attached to GPU ${environment.devices.join(', ')}`
      : 'GPU environment, detached';
  }

  resolveDebugConfiguration(_folder: unknown, configuration: vscode.DebugConfiguration): vscode.DebugConfiguration {
    return this.active ? debugConfiguration(configuration, this.active.variables) : configuration;
  }

  dispose(): void {
    this.applied.restore();
  }
}
