/** The page's one telephone. A call goes on while other views are looked at. */

import { api, socketAddress } from "../../api/client";
import { ApiError } from "../../api/errors";
import type { Scope } from "../../api/session";
import { kept } from "../../lib/kept";
import { useStore } from "../../lib/store";
import { type CallState, Phone } from "../../phone/call";
import type { Treatment } from "../../phone/devices";
import type { Fault } from "../../phone/faults";
import type { Format } from "../../phone/pcm";

export const handset = new Phone(() => socketAddress("v1/phone"), whyClosed);

/** How the call stands, or what `pick` takes of it. */
export function useCall<T>(pick: (state: CallState) => T): T {
  return useStore(handset.state, pick);
}

/** A refused upgrade tells a page nothing; an ordinary request does. */
async function whyClosed(): Promise<Fault | null> {
  try {
    const holder = await api.get<{ scopes: readonly Scope[] }>("v1/session");
    return holder.scopes.includes("talk") ? null : "forbidden";
  } catch (error) {
    return error instanceof ApiError && error.status === 401 ? "noKey" : null;
  }
}

const isFormat = (value: string): value is Format => value === "pcm24" || value === "ulaw8";

/** What was chosen last, in this browser. */
export const chosenPersona = kept<string>("phone.persona", "", (value): value is string => value.length <= 64);
export const chosenFormat = kept<Format>("phone.format", "pcm24", isFormat);

type Switch = "on" | "off";
const isSwitch = (value: string): value is Switch => value === "on" || value === "off";
const switched = (name: keyof Treatment, first: Switch) => kept<Switch>(`phone.${name}`, first, isSwitch);

/** Echo cancellation is on at first: without headphones the agent would hear itself, and take it for the caller. */
export const treatments: Record<keyof Treatment, ReturnType<typeof switched>> = {
  echoCancellation: switched("echoCancellation", "on"),
  noiseSuppression: switched("noiseSuppression", "off"),
  autoGainControl: switched("autoGainControl", "on"),
};

/** All of them as the browser wants them. */
export function treatment(): Treatment {
  const on = (name: keyof Treatment) => treatments[name].get() === "on";
  return {
    echoCancellation: on("echoCancellation"),
    noiseSuppression: on("noiseSuppression"),
    autoGainControl: on("autoGainControl"),
  };
}
