import "./phone.css";
import { useEffect, useRef } from "preact/hooks";
import { useScope } from "../../api/session";
import { useTexts } from "../../i18n";
import { clock } from "../../lib/format";
import { href } from "../../lib/router";
import { LinkButton } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import type { ViewProps } from "..";
import { Delay } from "./Delay";
import { useCall } from "./handset";
import { SetUp } from "./SetUp";
import { Talking } from "./Talking";
import { Words } from "./Words";

export default function PhoneView({ query }: ViewProps) {
  const t = useTexts().phone;
  const phase = useCall((call) => call.phase);
  const busy = phase !== "idle" && phase !== "over";
  const asked = query.get("persona") ?? "";
  return (
    <Page title={t.title} lead={t.lead}>
      <div class="phone-view" data-phase={phase}>
        <div class="stack">
          <div class="card">
            {busy ? (
              <Talking />
            ) : (
              <div class="stack">
                {phase === "over" && <Over />}
                <SetUp key={asked} asked={asked} />
              </div>
            )}
          </div>
        </div>
        <div class="stack">
          <Words />
          <Delay />
        </div>
      </div>
    </Page>
  );
}

/** How the call ended, or why there was none, and where its record is. */
function Over() {
  const t = useTexts().phone;
  const box = useRef<HTMLDivElement>(null);
  const { fault, how, reason, callId, lastedMs } = useCall((call) => call);
  const mayRead = useScope("calls:read");
  useEffect(() => box.current?.focus(), []);
  const hows: Record<string, string> = t.hows;
  return (
    <div class="stack-small" ref={box} tabIndex={-1}>
      {fault ? (
        <Notice kind="danger">
          <strong>{t.faults[fault].what}</strong>
          <p>{t.faults[fault].act}</p>
          {reason && <p class="small">{reason}</p>}
        </Notice>
      ) : (
        <Notice kind="good">
          <strong>{t.phases.over}</strong>
          <p>
            {hows[how] ?? reason} {lastedMs > 0 && t.lasted(clock(lastedMs / 1000))}
          </p>
        </Notice>
      )}
      {callId && mayRead && (
        <div>
          <LinkButton icon="calls" href={href(["calls", callId])}>
            {t.toRecord}
          </LinkButton>
        </div>
      )}
    </div>
  );
}
