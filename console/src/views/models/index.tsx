import { useTexts } from "../../i18n";
import { Page, Waiting } from "../../ui/Page";
import type { ViewProps } from "..";

export default function Models(_: ViewProps) {
  const t = useTexts().models;
  return (
    <Page title={t.title}>
      <Waiting />
    </Page>
  );
}
