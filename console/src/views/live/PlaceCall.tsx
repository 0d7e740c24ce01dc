import { useState } from "preact/hooks";
import { api } from "../../api/client";
import { useTexts } from "../../i18n";
import { useLoaded } from "../../lib/load";
import { isNumber, tidyNumber } from "../../lib/phoneNumber";
import { SelectField, TextField } from "../../ui/Field";
import { FormDialog } from "../../ui/FormDialog";
import { toast } from "../../ui/Toasts";
import type { PersonaRow } from "./FirstCall";

/** Have a persona call somebody. */
export function PlaceCall({ onClose }: { onClose: () => void }) {
  const t = useTexts().live;
  const personas = useLoaded("personas", (signal) => api.get<PersonaRow[]>("v1/personas", { signal }));
  const [to, setTo] = useState("");
  const [chosen, setChosen] = useState("");
  const [record, setRecord] = useState("default");
  const [trunk, setTrunk] = useState("");
  const number = tidyNumber(to);
  const persona = chosen || personas.value?.[0]?.name || "";
  const act = async () => {
    await api.post("v1/calls", {
      to: number,
      persona,
      ...(record === "default" ? {} : { record: record === "yes" }),
      ...(trunk.trim() ? { trunk: trunk.trim() } : {}),
    });
    toast(t.callDone(number));
  };
  return (
    <FormDialog
      title={t.callTitle}
      act={t.callSubmit}
      check={() => (isNumber(number) ? "" : t.numberWrong)}
      run={act}
      onClose={onClose}
    >
      <TextField
        label={t.callTo}
        hint={t.callToHint}
        type="tel"
        inputMode="tel"
        autocomplete="off"
        required
        value={to}
        onValue={setTo}
      />
      {personas.error ? (
        <TextField label={t.callPersona} hint={t.callPersonaHint} value={chosen} onValue={setChosen} />
      ) : (
        <SelectField
          label={t.callPersona}
          hint={t.callPersonaHint}
          value={persona}
          onValue={setChosen}
          options={(personas.value ?? []).map((one) => [one.name, `${one.business} (${one.name})`] as const)}
        />
      )}
      <SelectField
        label={t.callRecord}
        value={record}
        onValue={setRecord}
        options={(["default", "yes", "no"] as const).map((one) => [one, t.callRecordings[one]] as const)}
      />
      <TextField label={t.callTrunk} hint={t.callTrunkHint} value={trunk} onValue={setTrunk} />
    </FormDialog>
  );
}
