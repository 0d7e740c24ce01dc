import { useTexts } from "../../i18n";
import { Page, Waiting } from "../../ui/Page";
import type { ViewProps } from "..";

export default function Calls(_: ViewProps) {
  const t = useTexts().calls;
  return (
    <Page title={t.title}>
      <Waiting />
    </Page>
  );
}
