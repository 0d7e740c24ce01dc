import { useTexts } from "../../i18n";
import { Page, Waiting } from "../../ui/Page";
import type { ViewProps } from "..";

export default function Live(_: ViewProps) {
  const t = useTexts().live;
  return (
    <Page title={t.title}>
      <Waiting />
    </Page>
  );
}
