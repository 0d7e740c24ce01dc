import { useEffect, useRef } from "preact/hooks";
import { Conversation } from "../../call/Conversation";
import { useTexts } from "../../i18n";
import { useCall } from "./handset";

/** Both sides' words as they come. The newest stays in sight unless the reader has scrolled away from it. */
export function Words() {
  const t = useTexts().phone;
  const talk = useCall((call) => call.talk);
  const language = useCall((call) => call.language);
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  useEffect(() => {
    const shown = box.current;
    if (shown && follows.current) shown.scrollTop = shown.scrollHeight;
  }, [talk]);
  const scrolled = () => {
    const shown = box.current;
    if (shown) follows.current = shown.scrollHeight - shown.scrollTop - shown.clientHeight < 40;
  };
  const empty = talk.records.length <= 1 && !talk.coming; // the first record is the call's head
  return (
    <section class="card phone-words" aria-label={t.conversation}>
      <h2>{t.conversation}</h2>
      {empty && <p class="muted">{t.conversationEmpty}</p>}
      <div class="phone-lines" ref={box} onScroll={scrolled} tabIndex={empty ? -1 : 0}>
        <Conversation live records={talk.records} coming={talk.coming} language={language} />
      </div>
    </section>
  );
}
