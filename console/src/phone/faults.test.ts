import { expect, test } from "vitest";
import { microphoneFault, obstacle, socketFault } from "./faults";
import { read } from "./protocol";

test("a microphone that is not to be had is told by its reason", () => {
  const named = (name: string) => microphoneFault(new DOMException("", name));
  expect(named("NotAllowedError")).toBe("refused");
  expect(named("NotFoundError")).toBe("noDevice");
  expect(named("NotReadableError")).toBe("deviceBusy");
  expect(microphoneFault("?")).toBe("audioFailed");
});

test("a socket's close code says what is wrong", () => {
  expect(socketFault(4429, true)).toBe("full");
  expect(socketFault(4404, true)).toBe("noPersona");
  expect(socketFault(4503, true)).toBe("notReady");
  expect(socketFault(1006, true)).toBe("lost");
  expect(socketFault(1006, false)).toBe("unreachable");
});

test("a page without HTTPS on another host is told so before anything else", () => {
  const page = { isSecureContext: false, hasMicrophone: false, hasWorklets: false };
  expect(obstacle(page)).toBe("insecure");
  expect(obstacle({ ...page, isSecureContext: true })).toBe("unsupported");
  expect(obstacle({ isSecureContext: true, hasMicrophone: true, hasWorklets: true })).toBeNull();
});

test("messages that are not known are passed over", () => {
  expect(read('{"type":"clear"}')).toEqual({ type: "clear" });
  for (const message of ["", "[]", "null", '{"type":"new"}', "{"]) expect(read(message)).toBeNull();
});
