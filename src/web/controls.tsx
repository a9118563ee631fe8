import type { ComponentChildren } from 'preact'
import { useRef, useState } from 'preact/hooks'
import type { MediaSource, Room, Track } from '../sdk/index.ts'
import { fieldOf, userIdsIn } from './form.ts'
import { Icon, type IconName } from './icons.tsx'
import type { Phone } from './phone.ts'
import { isPublished } from './tiles.ts'

/** The buttons of a call. */
export function Controls(props: {
  phone: Phone
  room: Room
  tracks: readonly Track[]
  devices: readonly MediaDeviceInfo[]
}) {
  const { phone, room, tracks, devices } = props
  const isHost = room.type === 'group' && room.hostId === phone.userId
  const canShare = navigator.mediaDevices !== undefined && 'getDisplayMedia' in navigator.mediaDevices
  const toggle = (source: MediaSource) => ({
    source,
    on: isPublished(tracks, source),
    choose: (enabled: boolean) => phone.media.publishAndRemember(source, enabled),
  })
  return (
    <section class="controls" aria-label="Controls">
      <Toggle name="Microphone" icon="microphone" iconOff="microphoneOff" {...toggle('microphone')} />
      <Toggle name="Camera" icon="camera" iconOff="cameraOff" {...toggle('camera')} />
      {canShare && <Toggle name="Screen" icon="screen" iconOff="screen" {...toggle('screen')} />}
      <Settings>
        <DeviceSelect phone={phone} source="microphone" devices={devices} tracks={tracks} />
        <DeviceSelect phone={phone} source="camera" devices={devices} tracks={tracks} />
        {isHost && <InviteForm phone={phone} />}
        {isHost && (
          <button type="button" class="button stop" onClick={() => void phone.endForEveryone()}>
            End for everyone
          </button>
        )}
      </Settings>
      <button type="button" class="control hang-up" onClick={() => void phone.hangUp()}>
        <span class="disc">
          <Icon name="hangUp" />
        </span>
        <span class="control-name">Hang up</span>
      </button>
    </section>
  )
}

function Toggle(props: {
  name: string
  source: MediaSource
  icon: IconName
  iconOff: IconName
  on: boolean
  choose: (enabled: boolean) => Promise<void>
}) {
  const { name, source, icon, iconOff, on, choose } = props
  // Optimistic: the button shows the requested state until the request is done.
  const [asked, setAsked] = useState<boolean>()
  const pressed = asked ?? on

  async function press() {
    if (asked !== undefined) return
    setAsked(!on)
    await choose(!on)
    setAsked(undefined)
  }

  return (
    <button
      type="button"
      class="control"
      data-source={source}
      data-alarm={!pressed && source !== 'screen'}
      aria-pressed={pressed}
      aria-busy={asked !== undefined}
      onClick={() => void press()}
    >
      <span class="disc">
        <Icon name={pressed ? icon : iconOff} />
      </span>
      <span class="control-name">{name}</span>
    </button>
  )
}

function Settings({ children }: { children: ComponentChildren }) {
  const details = useRef<HTMLDetailsElement>(null)
  const summary = useRef<HTMLElement>(null)

  function escape({ key }: KeyboardEvent) {
    if (key !== 'Escape' || !details.current?.open) return
    details.current.open = false
    summary.current?.focus()
  }

  function leave({ relatedTarget }: FocusEvent) {
    if (details.current && !details.current.contains(relatedTarget as Node | null)) details.current.open = false
  }

  return (
    <details class="settings" ref={details} onKeyDown={escape} onFocusOut={leave}>
      <summary class="control" ref={summary}>
        <span class="disc">
          <Icon name="devices" />
        </span>
        <span class="control-name">Settings</span>
      </summary>
      <div class="card settings-panel" tabIndex={-1}>
        {children}
      </div>
    </details>
  )
}

function DeviceSelect(props: {
  phone: Phone
  source: 'camera' | 'microphone'
  devices: readonly MediaDeviceInfo[]
  tracks: readonly Track[]
}) {
  const { phone, source, devices, tracks } = props
  const kind = source === 'camera' ? 'videoinput' : 'audioinput'
  const choices = devices.filter((device) => device.kind === kind)
  const track = tracks.find((own) => own.local && own.source === source)
  const used = track?.mediaStreamTrack.getSettings().deviceId
  const isKnown = choices.some(({ deviceId }) => deviceId === used)
  return (
    <label class="choice">
      <span>{source === 'camera' ? 'Camera in use' : 'Microphone in use'}</span>
      <select
        class="field"
        disabled={choices.length === 0}
        value={isKnown ? used : ''}
        onChange={({ currentTarget: { value } }) => void phone.media.selectDevice(source, value)}
      >
        {!isKnown && <option value="">{choices.length === 0 ? 'None' : '…'}</option>}
        {choices.map(({ deviceId, label }, index) => (
          <option key={deviceId} value={deviceId}>
            {label || `${source} ${index + 1}`}
          </option>
        ))}
      </select>
    </label>
  )
}

function InviteForm({ phone }: { phone: Phone }) {
  function submit(event: SubmitEvent) {
    event.preventDefault()
    const userIds = userIdsIn(fieldOf(event, 'more'))
    if (userIds.length > 0) void phone.invite(userIds)
    ;(event.currentTarget as HTMLFormElement).reset()
  }
  return (
    <form class="invitation" onSubmit={submit}>
      <label class="choice">
        <span>Who else</span>
        <input class="field" name="more" autocomplete="off" autocapitalize="off" spellcheck={false} required />
      </label>
      <button type="submit" class="button">
        Invite
      </button>
    </form>
  )
}
