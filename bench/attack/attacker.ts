import { type Attack, attacks } from './attacks.ts'
import { Target } from './target.ts'

/** The attacker's process: `attacker.ts <url> <size> <seconds> <name> ...` */
const [url = '', size = '1', seconds = '10', ...names] = process.argv.slice(2)
const chosen = attacks.filter(({ name }) => names.includes(name))
const target = (index: number) => new Target(url, `127.0.1.${index + 1}`)
const all = async (act: (attack: Attack, on: Target) => Promise<void>) => {
  await Promise.all(chosen.map((attack, index) => act(attack, target(index))))
}
await all(async (attack, on) => attack.prepare?.(on, Number(size)))
process.send?.('prepared')
process.once('message', () => {
  const over = AbortSignal.timeout(Number(seconds) * 1000)
  void all((attack, on) => attack.run(on, Number(size), over)).then(() => {
    process.send?.('done')
    process.exit()
  })
})
