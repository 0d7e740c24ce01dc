import { address } from "../api/client";
import { signOut, useHolder } from "../api/session";
import { LANGUAGES, language, useTexts } from "../i18n";
import { useStore } from "../lib/store";
import { THEMES, theme } from "../lib/theme";
import { Button } from "../ui/Button";
import { Segments } from "../ui/Field";
import { toastError } from "../ui/Toasts";

/** How the console looks and speaks, and who is signed in. */
export function Settings() {
  const t = useTexts().shell;
  const holder = useHolder();
  return (
    <div class="settings-list">
      <div class="stack-small">
        <span class="field-label">{t.theme}</span>
        <Segments
          label={t.theme}
          value={useStore(theme)}
          onValue={theme.set}
          options={THEMES.map((one) => [one, t.themes[one]] as const)}
        />
      </div>
      <div class="stack-small">
        <span class="field-label">{t.language}</span>
        <Segments
          label={t.language}
          value={useStore(language)}
          onValue={language.set}
          options={LANGUAGES.map((one) => [one, t.languages[one]] as const)}
        />
      </div>
      <div class="row spread">
        <div class="small muted">
          {holder.name && <div>{t.signedInAs(holder.name)}</div>}
          {holder.version && <div>{t.version(holder.version)}</div>}
          <a href={address("openapi.json")}>{t.apiDescription}</a>
        </div>
        <Button icon="out" onClick={() => signOut().catch(toastError)}>
          {t.signOut}
        </Button>
      </div>
    </div>
  );
}
