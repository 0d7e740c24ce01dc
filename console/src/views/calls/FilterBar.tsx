import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../api/client";
import { useScope } from "../../api/session";
import { useTexts } from "../../i18n";
import { useLoaded } from "../../lib/load";
import { go, href } from "../../lib/router";
import { Button } from "../../ui/Button";
import { Checkbox, SelectField, TextField } from "../../ui/Field";
import { Icon } from "../../ui/Icon";
import { type Filters, isNarrowed } from "./filters";

const TYPING_MS = 300;

/** What narrows the list. It stands in the address, so that it can be kept and sent on. */
export function FilterBar({ filters }: { filters: Filters }) {
  const t = useTexts().calls;
  const latest = useRef(filters);
  latest.current = filters;
  const change = (part: Partial<Filters>) => go(href(["calls"], { ...latest.current, ...part }), "replace");
  const rest = isNarrowed({ ...filters, q: "" });
  return (
    <search class="card calls-filters">
      <Search value={filters.q} onValue={(q) => change({ q })} />
      <details class="calls-details" open={rest || window.matchMedia("(min-width: 761px)").matches}>
        <summary>{t.filters}</summary>
        <div class="calls-fields">
          <PersonaFilter value={filters.persona} onValue={(persona) => change({ persona })} />
          <SelectField
            label={t.ending}
            value={filters.ended}
            onValue={(ended) => change({ ended })}
            options={[["", t.any], ["in_progress", t.goingOn], ...Object.entries(t.how)]}
          />
          <TextField
            label={t.since}
            type="date"
            value={filters.since}
            max={filters.until}
            onValue={(since) => change({ since })}
          />
          <TextField
            label={t.until}
            type="date"
            value={filters.until}
            min={filters.since}
            onValue={(until) => change({ until })}
          />
          <div class="calls-last">
            <Checkbox checked={filters.verdicts !== ""} onChecked={(on) => change({ verdicts: on ? "1" : "" })}>
              {t.onlyVerdicts}
            </Checkbox>
            {isNarrowed(filters) && (
              <Button kind="ghost" small icon="close" onClick={() => go(href(["calls"]), "replace")}>
                {t.clear}
              </Button>
            )}
          </div>
        </div>
      </details>
    </search>
  );
}

/** The words that are looked for, handed on when the reader pauses. */
function Search({ value, onValue }: { value: string; onValue: (value: string) => void }) {
  const t = useTexts().calls;
  const [typed, setTyped] = useState(value);
  const sent = useRef(value);
  useEffect(() => {
    if (value !== sent.current) setTyped(value); // changed from elsewhere, such as by the button that clears all
    sent.current = value;
  }, [value]);
  useEffect(() => {
    if (typed === sent.current) return;
    const timer = setTimeout(() => {
      sent.current = typed;
      onValue(typed);
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <div class="calls-search">
      <Icon name="search" size={18} />
      <input
        class="input"
        type="search"
        aria-label={t.search}
        placeholder={t.search}
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
    </div>
  );
}

function PersonaFilter({ value, onValue }: { value: string; onValue: (value: string) => void }) {
  return useScope("personas:read") ? <PersonaSelect value={value} onValue={onValue} /> : null;
}

function PersonaSelect({ value, onValue }: { value: string; onValue: (value: string) => void }) {
  const t = useTexts().calls;
  const { value: personas } = useLoaded("personas", (signal) =>
    api.get<{ name: string; business: string }[]>("v1/personas", { signal }),
  );
  const names = (personas ?? []).map((one) => one.name);
  if (value && !names.includes(value)) names.push(value); // calls stay when their persona's file is gone
  return (
    <SelectField
      label={t.persona}
      value={value}
      onValue={onValue}
      options={[["", t.any], ...names.map((name) => [name, name] as const)]}
    />
  );
}
