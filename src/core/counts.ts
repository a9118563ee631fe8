/** Reference counts by name. Most users and rooms have a single name, which needs no map. */
export class Counts {
  #name: string | undefined
  #count = 0
  /** All but the first name. */
  #others: Map<string, number> | undefined

  get size(): number {
    return (this.#name === undefined ? 0 : 1) + (this.#others?.size ?? 0)
  }

  has(name: string): boolean {
    return this.#name === name || this.#others?.has(name) === true
  }

  add(name: string): void {
    if (this.#name === undefined && !this.#others?.has(name)) this.#name = name
    if (this.#name === name) this.#count += 1
    else (this.#others ??= new Map()).set(name, (this.#others.get(name) ?? 0) + 1)
  }

  remove(name: string): void {
    if (this.#name === name) {
      this.#count -= 1
      if (this.#count === 0) this.#name = undefined
      return
    }
    const left = (this.#others?.get(name) ?? 0) - 1
    if (left > 0) this.#others?.set(name, left)
    else this.#others?.delete(name)
  }
}
