/**
 * What the script tag of Volcengine's web SDK defines, in an old version and as far as a call needs it, with nothing behind
 * it: for a program that runs by itself. It prints what it was asked when the engine is destroyed.
 */
const asked = []
const record =
  (name, answer) =>
  async (...args) => {
    asked.push([name, ...args])
    return answer
  }

globalThis.VERTC = {
  events: new Proxy({}, { get: (_target, name) => name }),
  createEngine(appId) {
    asked.push(['createEngine', appId])
    const engine = {
      on: () => engine,
      joinRoom: record('joinRoom'),
      startVideoCapture: record('startVideoCapture'),
      stopVideoCapture: record('stopVideoCapture'),
      startAudioCapture: record('startAudioCapture'),
      stopAudioCapture: record('stopAudioCapture'),
      publishStream: record('publishStream'),
      unpublishStream: record('unpublishStream'),
      leaveRoom: record('leaveRoom'),
    }
    return engine
  },
  destroyEngine: () => console.log(JSON.stringify(asked)),
}
