/** Rows in a view of the editor. */
import * as vscode from 'vscode';
import type { Row } from '../core/rows.ts';

class RowItem extends vscode.TreeItem {
  readonly row: Row;

  constructor(view: string, row: Row) {
    const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
    super(row.label, !row.children?.length ? None : view === 'genv.env' ? Expanded : Collapsed);
    this.row = row;
    this.id = row.id;
    this.iconPath = new vscode.ThemeIcon(row.icon, row.color ? new vscode.ThemeColor(row.color) : undefined);
    this.tooltip = row.tooltip ?? row.label;
    if (row.description) {
      this.description = row.description;
    }
    if (row.context) {
      this.contextValue = row.context;
    }
    this.accessibilityInformation = { label: `${row.label}, ${row.description ?? ''}` };
  }
}

export class RowsView implements vscode.TreeDataProvider<Row>, vscode.Disposable {
  private readonly name: string;
  private readonly event = new vscode.EventEmitter<void>();
  private rows: Row[] = [];
  readonly view: vscode.TreeView<Row>;
  readonly onDidChangeTreeData = this.event.event;

  constructor(name: string) {
    this.name = name;
    this.view = vscode.window.createTreeView(name, { treeDataProvider: this });
  }

  show(rows: Row[], description: string, message: string): void {
    if (JSON.stringify(rows) !== JSON.stringify(this.rows)) {
      this.rows = rows;
      this.event.fire();
    }
    this.view.description = description;
    this.view.message = message;
  }

  getTreeItem(row: Row): vscode.TreeItem {
    return new RowItem(this.name, row);
  }

  getChildren(row?: Row): Row[] {
    return row ? (row.children ?? []) : this.rows;
  }

  dispose(): void {
    this.view.dispose();
    this.event.dispose();
  }
}
