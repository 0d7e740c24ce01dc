import type { ComponentChildren } from "preact";
import { useTexts } from "../../i18n";
import { bytes, number } from "../../lib/format";
import { href } from "../../lib/router";
import { Notice } from "../../ui/Notice";
import { Pill } from "../../ui/Pill";
import type { Health } from "./types";

const TONES = { ok: "good", starting: "warn", draining: "warn" } as const;

/** How the bridge is at this moment. */
export function State({ health, stale }: { health: Health; stale: boolean }) {
  const t = useTexts().health;
  const restarts = health.engine_restarts;
  return (
    <section class="card stack" aria-label={t.title}>
      {stale && <Notice kind="danger">{t.stale}</Notice>}
      <div class="row">
        <span role="status">
          <Pill tone={stale ? "plain" : TONES[health.status]} dot>
            {t.statuses[health.status]}
          </Pill>
        </span>
        <span class="muted">{t.statusHints[health.status]}</span>
      </div>
      {health.shedding && <Notice kind="warn">{t.shedding}</Notice>}
      <dl class="facts">
        <Fact name={t.calls}>
          <strong class="num">{t.callsOf(number(health.calls), number(health.admitted))}</strong>
          {health.on_hold > 0 && <Pill tone="warn">{t.onHold(number(health.on_hold))}</Pill>}
        </Fact>
        <Fact name={t.engine}>
          <strong>{health.engine}</strong>
          <span class="small muted">
            {t.engineStates[health.engine_state]},{" "}
            {restarts === 0 ? t.noRestart : restarts === 1 ? t.oneRestart : t.restarts(number(restarts))}
          </span>
        </Fact>
        <Fact name={t.model}>{health.model ?? t.none}</Fact>
        <Fact name={t.recogniser}>{health.recogniser ?? t.none}</Fact>
        <Fact name={t.gpu}>
          {health.gpu ? (
            <>
              {health.gpu.name} <span class="small muted num">{bytes(health.gpu.memory_bytes)}</span>
            </>
          ) : (
            t.none
          )}
        </Fact>
        {health.kv_reserved_bytes > 0 && (
          <Fact name={t.memoryOfCalls}>
            <span class="num">{t.memoryUse(bytes(health.kv_used_bytes), bytes(health.kv_reserved_bytes))}</span>
          </Fact>
        )}
        <Fact name={t.personas}>
          <span>{t.onDuty(number(health.personas.length))}</span>
          {health.personas_with_problems.length > 0 && (
            <a class="fault" href={href(["personas"])}>
              {t.problems(health.personas_with_problems.join(", "))}
            </a>
          )}
        </Fact>
        <Fact name={t.version}>{health.version}</Fact>
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt class="small muted">{name}</dt>
      <dd class="row">{children}</dd>
    </div>
  );
}
