/* The side panel: the devices of the machine, and who has them. Names are others' words: only ever text. */
import {ReactWidget, UseSignal} from '@jupyterlab/apputils';
import {TranslationBundle} from '@jupyterlab/translation';
import {Button, closeIcon, refreshIcon, SidePanel, ToolbarButton} from '@jupyterlab/ui-components';
import {Message} from '@lumino/messaging';
import {AccordionPanel, Widget} from '@lumino/widgets';
import * as React from 'react';

import {gpuIcon} from './icons';
import {Machine} from './machine';
import {Device, Env, envTitle, Holder, holders, isUsable, percent, State, usedOf} from './model';
import {deviceWords} from './words';

type Detach = (env: Env) => void;

function Meter(props: {label: string; value: number; text: string}): React.JSX.Element {
    return (
        <div className="genv-meter">
            <span className="genv-meter-label">{props.label}</span>
            <div
                role="meter"
                aria-label={props.label}
                aria-valuemin={0}
                aria-valuemax={100}
                aria-valuenow={props.value}
                aria-valuetext={props.text}
                className="genv-bar"
            >
                <div className={props.value >= 90 ? 'genv-full' : ''} style={{width: `${props.value}%`}} />
            </div>
            <span className="genv-meter-text" aria-hidden="true">
                {props.text}
            </span>
        </div>
    );
}

function HolderLine({holder, trans}: {holder: Holder; trans: TranslationBundle}): React.JSX.Element {
    const user = holder.own ? trans.__('you') : holder.user;
    const details = holder.memory === null ? user : `${user}, ${holder.memory}`;
    return (
        <li className={holder.own ? 'genv-own' : ''} title={`${holder.title} (${details})`}>
            <span className="genv-name">{holder.title}</span>
            <span className="genv-details">{details}</span>
        </li>
    );
}

function DeviceItem(props: {device: Device; state: State; trans: TranslationBundle}): React.JSX.Element {
    const {device, state, trans} = props;
    const {total_memory, used_memory, utilization} = device;
    const who = holders(device, state);
    const condition = !isUsable(device) ? String(device.state) : who.length ? '' : trans.__('available');
    return (
        <li className="genv-device">
            <div className="genv-head">
                <span className="genv-index">{trans.__('GPU %1', device.index)}</span>
                <span className="genv-name" title={device.name ?? ''}>
                    {device.name ?? ''}
                </span>
                <span className={isUsable(device) ? 'genv-free' : 'genv-broken'}>{condition}</span>
            </div>
            {total_memory !== null && used_memory !== null && (
                <Meter
                    label={trans.__('Memory')}
                    value={percent(used_memory, total_memory)}
                    text={usedOf(used_memory, total_memory)}
                />
            )}
            {utilization !== null && (
                <Meter label={trans.__('Use')} value={percent(utilization, 100)} text={`${utilization} %`} />
            )}
            {who.length > 0 && (
                <ul className="genv-holders" aria-label={trans.__('Environments')}>
                    {who.map(holder => (
                        <HolderLine key={holder.eid} holder={holder} trans={trans} />
                    ))}
                </ul>
            )}
        </li>
    );
}

function EnvItem(props: {env: Env; trans: TranslationBundle; detach: Detach}): React.JSX.Element {
    const {env, trans} = props;
    const held = env.uuids.length > 0;
    const label = trans.__('Detach all GPUs from %1', envTitle(env));
    return (
        <li className={`genv-env ${env.own ? 'genv-own' : ''}`} title={`${envTitle(env)} (${env.eid})`}>
            <span className="genv-name">{envTitle(env)}</span>
            <span className="genv-details">{env.own ? trans.__('you') : env.username}</span>
            <span className="genv-held">{deviceWords(trans, env)}</span>
            {env.own && held && (
                <Button minimal small className="genv-detach" title={label} aria-label={label} onClick={() => props.detach(env)}>
                    <closeIcon.react tag="span" />
                </Button>
            )}
        </li>
    );
}

/* A section of the panel: what @describe makes of the state. */
class Section extends ReactWidget {
    constructor(
        title: string,
        private readonly machine: Machine,
        private readonly trans: TranslationBundle,
        private readonly describe: (state: State) => React.JSX.Element,
        private readonly isFirst = false
    ) {
        super();
        this.title.label = title;
        this.addClass('genv-section');
    }

    protected override render(): React.JSX.Element {
        return <UseSignal signal={this.machine.changed}>{() => this.content()}</UseSignal>;
    }

    private content(): React.JSX.Element {
        const {state, problem} = this.machine;
        return (
            <>
                {problem && this.isFirst && (
                    <p role="alert" className="genv-problem">
                        {problem}
                    </p>
                )}
                {state ? this.describe(state) : !problem && <p>{this.trans.__('Loading…')}</p>}
            </>
        );
    }
}

export class GpuPanel extends SidePanel {
    constructor(
        private readonly machine: Machine,
        trans: TranslationBundle,
        detach: Detach
    ) {
        super();
        this.id = 'genv-panel';
        this.addClass('genv-panel');
        this.title.icon = gpuIcon;
        this.title.caption = trans.__('GPUs');
        this.toolbar.addItem(
            'refresh',
            new ToolbarButton({
                icon: refreshIcon,
                tooltip: trans.__('Refresh'),
                onClick: () => void machine.refresh()
            })
        );
        this.addWidget(
            new Section(
                trans.__('GPUs'),
                machine,
                trans,
                state =>
                    state.devices.length ? (
                        <ul className="genv-list">
                            {state.devices.map(device => (
                                <DeviceItem
                                    key={device.uuid ?? device.index}
                                    device={device}
                                    state={state}
                                    trans={trans}
                                />
                            ))}
                        </ul>
                    ) : (
                        <p>{trans.__('No GPUs were found. Run genv doctor in a terminal to see why.')}</p>
                    ),
                true
            )
        );
        this.addWidget(
            new Section(trans.__('Environments'), machine, trans, state =>
                state.envs.length ? (
                    <ul className="genv-list">
                        {state.envs.map(env => (
                            <EnvItem key={env.eid} env={env} trans={trans} detach={detach} />
                        ))}
                    </ul>
                ) : (
                    <p>{trans.__('No environments.')}</p>
                )
            )
        );
    }

    protected override onAfterShow(message: Message): void {
        super.onAfterShow(message);
        this.machine.watch(this, true);
    }

    protected override onAfterAttach(message: Message): void {
        super.onAfterAttach(message);
        this.machine.watch(this, this.isVisible);
    }

    protected override onBeforeHide(message: Message): void {
        super.onBeforeHide(message);
        this.machine.watch(this, false);
    }

    protected override onBeforeDetach(message: Message): void {
        super.onBeforeDetach(message);
        this.machine.watch(this, false);
    }

    /* Most of the room for the devices, once there is room; then the user decides. */
    protected override onResize(message: Widget.ResizeMessage): void {
        super.onResize(message);
        if (!this.isArranged && this.isVisible && this.content.node.offsetHeight > 0) {
            this.isArranged = true;
            (this.content as AccordionPanel).setRelativeSizes([3, 1]);
        }
    }

    private isArranged = false;
}
