/** Shapes on a grid of 16: one for each meaning, so that no meaning is a colour alone. */
export const shapes = {
  kiln: "M2 14V8a6 6 0 0 1 12 0v6h-3.2V8.6a2.8 2.8 0 0 0-5.6 0V14z",
  dot: "M8 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8z",
  ring: "M8 3a5 5 0 1 1 0 10A5 5 0 0 1 8 3zm0 2a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  good: "M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zm3.3 4.2-4.2 4.2-2-2-1.1 1.1 3.1 3.1 5.3-5.3z",
  moving: "M3 3l5 5-5 5V3zm6 0l5 5-5 5V3z",
  warn: "M8 1.5 15 14H1zM7.2 6v4h1.6V6zm0 5v1.6h1.6V11z",
  bad: "M5 1.5h6L14.5 5v6L11 14.5H5L1.5 11V5zm-.1 4.5 2 2-2 2L6 11.1l2-2 2 2 1.1-1.1-2-2 2-2L10 4.9l-2 2-2-2z",
  drift: "M8 1 15 8l-7 7-7-7zm0 3.2L4.2 8 8 11.8 11.8 8z",
  quiet: "M3 7h10v2H3z",
} as const;
