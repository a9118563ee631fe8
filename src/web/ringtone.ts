/** Seconds; each repetition plays the notes at the given offsets. */
const REPEAT_EVERY = 2.4
const TONES = [0, 0.32]
const TONE_LENGTH = 0.26
/** Hertz: two notes, a third apart. Kept quiet, for rooms with other people. */
const PITCHES = [587, 740]
const LOUDNESS = 0.08

/**
 * Plays the ringtone until stopped. Browsers keep it silent until the first user gesture on the page.
 *
 * @returns a function that stops it
 */
export function ring(): () => void {
  const audio = new AudioContext()
  const sound = () => TONES.forEach((after, index) => play(audio, audio.currentTime + after, PITCHES[index] ?? 0))
  sound()
  const timer = setInterval(sound, REPEAT_EVERY * 1000)
  return () => {
    clearInterval(timer)
    void audio.close()
  }
}

function play(audio: AudioContext, at: number, pitch: number): void {
  const [tone, volume] = [audio.createOscillator(), audio.createGain()]
  tone.frequency.value = pitch
  volume.gain.setValueAtTime(0, at)
  volume.gain.linearRampToValueAtTime(LOUDNESS, at + 0.03)
  volume.gain.linearRampToValueAtTime(0, at + TONE_LENGTH)
  tone.connect(volume).connect(audio.destination)
  tone.start(at)
  tone.stop(at + TONE_LENGTH)
}
