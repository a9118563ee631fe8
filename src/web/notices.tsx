import { Icon } from './icons.tsx'
import type { Notice, Phone } from './phone.ts'

/** What went wrong, until it is dismissed. */
export function Notices({ phone, notices }: { phone: Phone; notices: readonly Notice[] }) {
  return (
    <div class="notices" role="alert">
      {notices.map((notice) => (
        <p key={notice.text} class="notice" data-code={notice.code}>
          <span>{notice.text}</span>
          <button type="button" class="bare" aria-label="Dismiss" onClick={() => phone.dismiss(notice)}>
            <Icon name="close" />
          </button>
        </p>
      ))}
    </div>
  )
}
