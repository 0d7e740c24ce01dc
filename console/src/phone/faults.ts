/** What can go wrong with a call from the browser, as names; the words for them are in the texts of the console. */

/** Each is a text of the console. */
export type Fault =
  | "insecure"
  | "unsupported"
  | "refused"
  | "noDevice"
  | "deviceBusy"
  | "noKey"
  | "forbidden"
  | "noPersona"
  | "full"
  | "notReady"
  | "unreachable"
  | "lost"
  | "deviceGone"
  | "audioFailed";

/** Why there is no microphone: what `getUserMedia` says. */
export function microphoneFault(error: unknown): Fault {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return "refused";
    case "NotFoundError":
    case "OverconstrainedError":
      return "noDevice";
    case "NotReadableError":
    case "AbortError":
      return "deviceBusy";
    default:
      return "audioFailed";
  }
}

/** Why the socket closed before the call was over: by its close code, and whether it had ever been open. */
export function socketFault(code: number, opened: boolean): Fault {
  switch (code) {
    case 4401:
      return "noKey";
    case 4403:
      return "forbidden";
    case 4404:
    case 4422:
      return "noPersona";
    case 4429:
      return "full";
    case 4503:
      return "notReady";
    default:
      return opened ? "lost" : "unreachable";
  }
}

/** What keeps this page from using a microphone at all; null if nothing does. */
export function obstacle(page: {
  isSecureContext: boolean;
  hasMicrophone: boolean;
  hasWorklets: boolean;
}): Fault | null {
  if (!page.isSecureContext) return "insecure";
  return page.hasMicrophone && page.hasWorklets ? null : "unsupported";
}
