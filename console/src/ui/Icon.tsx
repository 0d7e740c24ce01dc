// Our own drawings: lines of 24 by 24, in the colour of the text around them.
const PATHS = {
  live: "M4 10v4M8 6v12M12 9v6M16 4v16M20 10v4",
  calls: "M4 6h11M4 12h9M4 18h6M18 11v4l2.5 1.5M18 8a6 6 0 1 0 0 12 6 6 0 0 0 0-12",
  phone:
    "M7 3 4.5 4.6C4 9 6 13 8.5 15.500S15 20 19.4 19.500L21 17l-4.5-3-2.2 1.600c-2.4-1.1-4.8-3.5-5.9-5.900L10 7.500z",
  personas: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4.5 20a7.5 7.5 0 0 1 15 0",
  voices: "M12 15a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3M5.5 11.500a6.5 6.5 0 0 0 13 0M12 18v3",
  models: "m12 3 8 4.500v9L12 21l-8-4.500v-9zM4.2 7.6 12 12l7.8-4.400M12 12v8.7",
  health: "M3 12h4l2.5-6 5 12 2.5-6h4",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  settings: "M4 7h9M17 7h3M15 5v4M4 17h3M11 17h9M9 15v4",
  listen: "M4 15v-3a8 8 0 0 1 16 0v3M4 14h3v6H5.500A1.5 1.5 0 0 1 4 18.500zM20 14h-3v6h1.500a1.5 1.5 0 0 0 1.5-1.500z",
  transfer: "M4 12h14M13 6.5 18.5 12 13 17.500M21 5v14",
  hangup: "M3 14.500c5-5 13-5 18 0l-2 2.5-4-1.500v-3a11 11 0 0 0-6 0v3L5 17z",
  play: "M8 5.500v13l10.5-6.500z",
  pause: "M9 5.500v13M15 5.500v13",
  download: "M12 4v11M7.5 11 12 15.5 16.5 11M5 20h14",
  upload: "M12 16V5M7.5 9.5 12 5l4.5 4.500M5 20h14",
  trash: "M5 7h14M10 4h4M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  search: "M11 17a6 6 0 1 0 0-12 6 6 0 0 0 0 12M15.5 15.5 20 20",
  close: "M6 6l12 12M18 6 6 18",
  check: "M5 12.5 10 17.5 19.5 7",
  warn: "M12 4 2.5 20h19zM12 10v5M12 17.500h.01",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 11v5M12 8h.01",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  plus: "M12 5v14M5 12h14",
  edit: "M4 20h4L19.5 8.500l-4-4L4 16zM13.5 6.500l4 4",
  back: "M14.5 5.5 8 12l6.5 6.5",
  next: "M9.5 5.5 16 12l-6.5 6.5",
  shield: "M12 3 5 6v5c0 5 3 8.5 7 10 4-1.5 7-5 7-10V6z",
  hold: "M7 3h10M7 21h10M8 3v3.500L12 12l-4 5.500V21M16 3v3.500L12 12l4 5.500V21",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6",
  out: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
  refresh: "M20 11a8 8 0 1 0-2 6M20 5v6h-6",
  mute: "M5 5l14 14M9 9v3a3 3 0 0 0 4.5 2.600M15 11V6a3 3 0 0 0-5.8-1M5.5 11.500a6.5 6.5 0 0 0 10 5.500M12 18v3M18.5 11.500c0 .8-.2 1.6-.4 2.3",
} as const;

export type IconName = keyof typeof PATHS;

/** A drawing beside words that say the same: screen readers pass over it. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width={name === "more" ? 3 : 1.75}
      stroke-linecap="round"
      stroke-linejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The sign of the product. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg aria-hidden="true" width={size} height={size} viewBox="0 0 32 32" class="logo">
      <rect width="32" height="32" rx="8" />
      <path
        d="M6 19a10 10 0 0 1 20 0M6 19v4M11 14.600V23M16 13v10M21 14.600V23M26 19v4"
        fill="none"
        stroke-width="2.6"
        stroke-linecap="round"
      />
    </svg>
  );
}
