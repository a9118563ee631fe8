/** SVG paths in a 24 × 24 view box, stroked in the text colour. */
const PATHS = {
  brand:
    'M3 7.5A2.5 2.5 0 0 1 5.5 5h7A2.5 2.5 0 0 1 15 7.5v9a2.5 2.5 0 0 1-2.5 2.5h-7A2.5 2.5 0 0 1 3 16.5zM15 11l6-3.5v9L15 13',
  microphone: 'M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3M9 21h6',
  microphoneOff:
    'M9 9v3a3 3 0 0 0 4.6 2.5M15 11V6a3 3 0 0 0-5.8-1M5.5 11.5a6.5 6.5 0 0 0 10.4 5.2M18.5 11.5a6.4 6.4 0 0 1-.6 2.7M12 18v3M9 21h6M4 4l16 16',
  camera: 'M3 8a2 2 0 0 1 2-2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2zM15 11l6-3.5v9L15 13',
  cameraOff:
    'M9 6h4a2 2 0 0 1 2 2v3l6-3.5v9l-3-1.7M15 15.5V16a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V8a2 2 0 0 1 1.5-1.9M4 4l16 16',
  screen:
    'M3 6a2 2 0 0 1 2-2h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2zM8 20h8M12 16v4M12 13V8M9.5 10 12 7.5l2.5 2.5',
  devices: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5',
  hangUp:
    'M3 15.2v-1.7C3 10.5 7 8.5 12 8.5s9 2 9 5v1.7c0 .6-.5 1-1.1 1l-3.3-.6c-.5-.1-.9-.5-.9-1V12.6c-2.2-.8-5.2-.8-7.4 0v2c0 .5-.4.9-.9 1l-3.3.6c-.6 0-1.1-.4-1.1-1z',
  answer:
    'M6.3 3.5h2.4c.5 0 .9.3 1 .8l.7 2.8c.1.4 0 .8-.3 1.1L8.3 9.8a13 13 0 0 0 5.9 5.9l1.6-1.8c.3-.3.7-.4 1.1-.3l2.8.7c.5.1.8.5.8 1v2.4c0 1.6-1.3 2.8-2.8 2.8C10.2 20.5 3.5 13.8 3.5 6.3c0-1.5 1.2-2.8 2.8-2.8z',
  outgoing: 'M7 17 17 7M9 7h8v8',
  incoming: 'M17 7 7 17M15 17H7V9',
  close: 'M6 6l12 12M18 6 6 18',
  speaker: 'M4 9.5v5h3.5l4.5 4v-13l-4.5 4zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11',
} as const

export type IconName = keyof typeof PATHS

/** A decorative icon, hidden from assistive technology: always used next to a text. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
