import { useTexts } from "../../i18n";
import { Page, Waiting } from "../../ui/Page";
import type { ViewProps } from "..";

export default function Phone(_: ViewProps) {
  const t = useTexts().phone;
  return (
    <Page title={t.title}>
      <Waiting />
    </Page>
  );
}
