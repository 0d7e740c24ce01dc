import { type OtherRecord, type Speaker, saysMore } from "../../call/records";

const HOW: Readonly<Record<string, string>> = {
  caller_hung_up: "Caller hung up",
  agent_goodbye: "Agent said goodbye",
  operator_hangup: "Ended from outside",
  gate_hangup: "Ended by the gate",
  transfer: "Put through",
  idle: "Nobody spoke",
  too_long: "Too long",
  engine_full: "All lines were busy",
  sent_elsewhere: "Sent elsewhere",
  too_many_calls: "Too many of this number",
  engine_failed: "Engine failed",
  carrier_lost: "Connection lost",
  protocol_error: "Protocol error",
  never_connected: "Never connected",
  machine: "Answering machine",
  shutdown: "Bridge was stopped",
  internal_error: "Internal error",
  interrupted: "Interrupted",
};

const ASKED: Readonly<Record<string, string>> = {
  transfer: "to be put through",
  hangup: "to end the call",
  never_call: "never to be called again",
};

const ASKERS: Readonly<Record<string, string>> = {
  caller: "The caller asked",
  gate: "The gate asked",
  key: "A key was pressed",
  operator: "An operator asked",
};

function note(record: OtherRecord): string {
  switch (record.type) {
    case "digit":
      return record.digit ? `Key ${record.digit} pressed` : "A key was pressed";
    case "recording":
      return record.state === "began" ? "The recording began" : "The caller refused: the recording was deleted";
    case "asked":
      return `${ASKERS[record.by] ?? record.by} ${ASKED[record.what] ?? record.what}`;
    case "person":
      return `Person: ${record.status}`;
    case "problem":
      return record.what;
    case "ended":
      return `${HOW[record.how] ?? record.how}${saysMore(record) ? `: ${record.reason}` : ""}`;
    default:
      return record.type;
  }
}

export const calls = {
  title: "Calls",
  lead: "Calls that are over, and those that go on, newest first.",
  one: "One call",
  search: "Search words and numbers",
  filters: "Filters",
  any: "Any",
  since: "From day",
  until: "To day",
  onlyVerdicts: "Only with verdicts",
  clear: "Clear filters",
  found: (count: number, more: boolean) => (more ? `More than ${count} calls found` : `${count} calls found`),
  none: "No calls yet",
  noneHint: "Every call leaves its words here, and its sound if recording is on.",
  noMatch: "No call is like that",
  noMatchHint: "Try fewer words, or other days.",
  more: "Show older calls",
  searchOlder: "Look through older calls",
  notAmong: (count: number) => `Not among the newest ${count} calls. There are older ones.`,
  when: "When",
  number: "Number",
  persona: "Persona",
  ending: "How it ended",
  marks: "Marks",
  length: "Length",
  recorded: "Recorded",
  problems: (count: number) => (count === 1 ? "1 problem" : `${count} problems`),
  goingOn: "Going on",
  stillOn: "This call is still going on.",
  follow: "Follow it live",
  summary: "Summary",
  recording: "Recording",
  noRecording: "This call was not recorded.",
  mayNotHear: "It was recorded; your key is not good for listening (calls:listen).",
  noWords: "Nothing was said that could be written down.",
  play: "Play",
  pause: "Pause",
  playFailed: "The recording cannot be played.",
  playFrom: (time: string) => `Play from ${time}`,
  place: "Place in the recording",
  placeOf: (now: string, length: string) => `${now} of ${length}`,
  speed: "Speed",
  download: "Download",
  files: {
    "recording.wav": "Recording (WAV, stereo)",
    "transcript.txt": "Transcript (text)",
    "transcript.json": "Transcript (JSON)",
    "transcript.jsonl": "Records (JSON Lines)",
  } as Readonly<Record<string, string>>,
  forget: "Delete",
  forgetTitle: "Delete this call?",
  forgetText: "Its transcript, its recording and its place in the list are deleted for good.",
  forgotten: "The call is deleted.",
  facts: "Details",
  from: "From",
  to: "To",
  direction: "Direction",
  carrier: "Carrier",
  carrierId: "Carrier’s id",
  engine: "Engine",
  began: "Began",
  over: "Ended",
  reason: "Reason",
  id: "Id",
  conversation: "Conversation",
  speakers: { caller: "Caller", agent: "Agent" },
  unheard: "Not heard",
  unheardWhy: { caller_spoke: "the caller spoke", gate: "taken back by the gate", call_ended: "the call ended" },
  gate: "Topic gate",
  actions: { refuse: "Refused", redirect: "Redirected", transfer: "Put through", hangup: "Hung up" },
  verdict: (topic: string, phrase: string, speaker: Speaker) =>
    `Topic “${topic}”${phrase ? `, phrase “${phrase}”` : ""}, ${speaker === "caller" ? "in the caller’s question" : "in the agent’s words"}`,
  offTopic: (speaker: Speaker) =>
    `None of the allowed topics, ${speaker === "caller" ? "in the caller’s question" : "in the agent’s words"}`,
  withheld: "Withheld",
  heardOfIt: "Heard of it",
  how: HOW,
  note,
};
