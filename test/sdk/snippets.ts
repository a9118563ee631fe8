/** What the snippets of documents take for granted: the application around them. */
export const APPLICATION = `
  import type { EndedReason, OpenChatClient, Room } from '@openchat/sdk'
  declare global {
    const token: string
    const client: OpenChatClient
    const rtc: OpenChatClient['rtc']
    const room: Room
    const device: MediaDeviceInfo
    const shareButton: HTMLElement
    function refreshToken(): Promise<string>
    function show(userId: string, stream: MediaStream): void
    function showCall(room: Room): void
    function hideCall(reason: EndedReason): void
    function notify(text: string): void
  }
`

const IMPORTS = "import { OpenChatClient, RtcError } from '@openchat/sdk'\n"

/** The same of the documentation comments in TypeScript. */
export const examplesOf = (source: string): string[] => snippetsOf(source.replaceAll(/^ *\* ?/gm, ''))

/** The TypeScript of a document that uses the SDK, each block as a module that imports it. */
export const snippetsOf = (markdown: string): string[] =>
  [...markdown.matchAll(/^```(?:ts|typescript)\n([\s\S]*?)^```/gm)].map(
    ([, code = '']) => `${code.includes("from '@openchat/sdk'") ? '' : IMPORTS}${code}`,
  )
