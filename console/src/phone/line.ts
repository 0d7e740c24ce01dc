/** The WebSocket of one call: messages in their types, round trips measured, silence of the line noticed. */

import { type FromServer, read, type ToServer } from "./protocol";

/** Round trips are measured this often; without any message for so long the line is dead. */
const PING_MS = 2_000;
const DEAD_MS = 10_000;

/** Sound that waits in the browser beyond this is dropped: it would come too late to be understood. */
const MAX_WAITING_BYTES = 48_000; // 1 s of 24 kHz

/** What happens on the line. */
export interface Listener {
  opened(): void;
  message(message: FromServer): void;
  audio(data: ArrayBuffer): void;
  roundTrip(ms: number): void;
  /** Once, and nothing after it. `opened` tells whether the line ever was. */
  closed(code: number, reason: string, opened: boolean): void;
}

/** Close codes of our own for the listener: the server's begin at 4400. */
export const DEAD = 4000;

/** One line. Owner: the call. */
export class Line {
  /** Packets that the connection did not take. */
  dropped = 0;
  private readonly socket: WebSocket;
  private readonly timer: ReturnType<typeof setInterval>;
  private lastMessage = performance.now();
  private opened = false;
  private over = false;

  constructor(
    address: string,
    private readonly listener: Listener,
  ) {
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.opened = true;
      listener.opened();
    };
    this.socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => this.take(data);
    this.socket.onclose = ({ code, reason }) => this.end(code, reason);
    this.timer = setInterval(() => this.look(), PING_MS);
  }

  /** Say something. What a closed line does not take is lost. */
  say(message: ToServer): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** Send a packet of sound, unless the connection is behind. */
  send(packet: ArrayBuffer): void {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (this.socket.bufferedAmount > MAX_WAITING_BYTES) this.dropped++;
    else this.socket.send(packet);
  }

  /** Close it; the listener hears `closed`. */
  close(code = 1000): void {
    this.socket.close(code);
    this.end(code, "");
  }

  private take(data: string | ArrayBuffer): void {
    if (this.over) return;
    this.lastMessage = performance.now();
    if (typeof data !== "string") {
      this.listener.audio(data);
      return;
    }
    const message = read(data);
    if (message?.type === "pong") this.listener.roundTrip(performance.now() - message.t);
    else if (message) this.listener.message(message);
  }

  private look(): void {
    if (performance.now() - this.lastMessage > DEAD_MS) this.close(DEAD);
    else this.say({ type: "ping", t: performance.now() });
  }

  private end(code: number, reason: string): void {
    if (this.over) return;
    this.over = true;
    clearInterval(this.timer);
    this.listener.closed(code, reason, this.opened);
  }
}
