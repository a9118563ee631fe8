import { Icon } from './icons.tsx'
import type { Phone } from './phone.ts'
import type { Notice } from './phone-state.ts'
import { SentenceText } from './sentence-text.tsx'
import { plain } from './sentence.ts'

/** Error messages, each shown until it is dismissed. */
export function Notices({ phone, notices }: { phone: Phone; notices: readonly Notice[] }) {
  return (
    <div class="notices" role="alert">
      {notices.map((notice) => (
        <p key={plain(notice.text)} class="notice" data-code={notice.code}>
          <span>
            <SentenceText sentence={notice.text} />
          </span>
          <button type="button" class="bare" aria-label="Dismiss" onClick={() => phone.notices.dismiss(notice)}>
            <Icon name="close" />
          </button>
        </p>
      ))}
    </div>
  )
}
