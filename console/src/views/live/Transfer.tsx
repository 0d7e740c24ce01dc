import { useState } from "preact/hooks";
import { api } from "../../api/client";
import { useTexts } from "../../i18n";
import { isNumber, tidyNumber } from "../../lib/phoneNumber";
import { TextArea, TextField } from "../../ui/Field";
import { FormDialog } from "../../ui/FormDialog";
import { toast } from "../../ui/Toasts";

/** Put the caller through to a person. */
export function Transfer({ callId, onClose }: { callId: string; onClose: () => void }) {
  const t = useTexts().live;
  const [to, setTo] = useState("");
  const [say, setSay] = useState("");
  const number = tidyNumber(to);
  const wrong = number && !isNumber(number) ? t.numberWrong : "";
  const act = async () => {
    await api.post(`v1/calls/${encodeURIComponent(callId)}/transfer`, {
      ...(number ? { to: number } : {}),
      ...(say.trim() ? { say: say.trim() } : {}),
    });
    toast(t.transferDone);
  };
  return (
    <FormDialog title={t.transferTitle} act={t.transfer} run={act} check={() => wrong} onClose={onClose}>
      <TextField
        label={t.transferTo}
        hint={t.transferToHint}
        type="tel"
        inputMode="tel"
        autocomplete="off"
        value={to}
        onValue={setTo}
      />
      <TextArea label={t.transferSay} hint={t.transferSayHint} rows={2} maxLength={500} value={say} onValue={setSay} />
    </FormDialog>
  );
}
