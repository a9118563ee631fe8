/** The optional package, whose exports are checked when it is loaded. */
declare module 'wukongimjssdk'
