import { useTexts } from "../../i18n";
import { Page, Waiting } from "../../ui/Page";
import type { ViewProps } from "..";

export default function Voices(_: ViewProps) {
  const t = useTexts().voices;
  return (
    <Page title={t.title}>
      <Waiting />
    </Page>
  );
}
