import { useState } from "preact/hooks";
import { api } from "../../api/client";
import { useTexts } from "../../i18n";
import { Segments, TextArea } from "../../ui/Field";
import { FormDialog } from "../../ui/FormDialog";
import { toast } from "../../ui/Toasts";

/** End a call, with a goodbye or at once. */
export function HangUp({ callId, onClose }: { callId: string; onClose: () => void }) {
  const t = useTexts().live;
  const [how, setHow] = useState<"gently" | "now">("gently");
  const [say, setSay] = useState("");
  const act = async () => {
    const order = how === "now" ? { now: true } : say.trim() ? { say: say.trim() } : {};
    await api.post(`v1/calls/${encodeURIComponent(callId)}/hangup`, order);
    toast(how === "now" ? t.hangUpDoneNow : t.hangUpDone);
  };
  return (
    <FormDialog title={t.hangUpTitle} act={t.hangUp} danger run={act} onClose={onClose}>
      <Segments
        label={t.hangUpTitle}
        value={how}
        onValue={setHow}
        options={[
          ["gently", t.hangUpGently],
          ["now", t.hangUpNow],
        ]}
      />
      {how === "gently" && (
        <TextArea label={t.hangUpSay} hint={t.hangUpSayHint} rows={2} maxLength={500} value={say} onValue={setSay} />
      )}
    </FormDialog>
  );
}
