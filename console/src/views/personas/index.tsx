import { useTexts } from "../../i18n";
import { Page, Waiting } from "../../ui/Page";
import type { ViewProps } from "..";

export default function Personas(_: ViewProps) {
  const t = useTexts().personas;
  return (
    <Page title={t.title}>
      <Waiting />
    </Page>
  );
}
