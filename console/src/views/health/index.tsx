import { useTexts } from "../../i18n";
import { Page, Waiting } from "../../ui/Page";
import type { ViewProps } from "..";

export default function Health(_: ViewProps) {
  const t = useTexts().health;
  return (
    <Page title={t.title}>
      <Waiting />
    </Page>
  );
}
