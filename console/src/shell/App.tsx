import { type Holder, session, signOut } from "../api/session";
import { useTexts } from "../i18n";
import { useRoute } from "../lib/router";
import { useStore } from "../lib/store";
import { Button, LinkButton } from "../ui/Button";
import { Questions } from "../ui/Dialog";
import { Empty, Page, Waiting } from "../ui/Page";
import { Toasts, toastError } from "../ui/Toasts";
import { VIEWS } from "../views";
import { Lazy } from "./Lazy";
import { Navigation } from "./Navigation";
import { SignIn, Unreachable } from "./SignIn";

/** The whole page. */
export function App() {
  const now = useStore(session);
  return (
    <>
      {now.state === "asking" && <Waiting />}
      {now.state === "out" && <SignIn notice={now.notice} />}
      {now.state === "unreachable" && <Unreachable message={now.message} />}
      {now.state === "in" && <Inside holder={now.holder} />}
      <Questions />
      <Toasts />
    </>
  );
}

function Inside({ holder }: { holder: Holder }) {
  const t = useTexts().shell;
  const route = useRoute();
  const views = VIEWS.filter((view) => holder.scopes.includes(view.scope));
  const view = route.view ? views.find((one) => one.name === route.view) : views[0];
  const skip = (event: Event) => {
    event.preventDefault(); // the address says which view is shown, and stays
    document.getElementById("content")?.focus();
  };
  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: it leads to a place on this page */}
      <a class="skip" href="#content" onClick={skip}>
        {t.skip}
      </a>
      <div class="shell">
        <Navigation views={views} current={view?.name ?? ""} />
        <main id="content" class="content" tabIndex={-1}>
          {view ? (
            <Lazy key={view.name} view={view} rest={route.rest} query={route.query} />
          ) : (
            <Nowhere nothing={views.length === 0} />
          )}
        </main>
      </div>
    </>
  );
}

function Nowhere({ nothing }: { nothing: boolean }) {
  const t = useTexts().shell;
  return (
    <Page title={nothing ? "callbridge" : t.notHere}>
      <Empty icon="info" title={nothing ? t.signIn.nothing : t.notHere}>
        {!nothing && <p>{t.notHereHint}</p>}
        {nothing ? (
          <Button onClick={() => signOut().catch(toastError)}>{t.signOut}</Button>
        ) : (
          <LinkButton href="#/">{t.toStart}</LinkButton>
        )}
      </Empty>
    </Page>
  );
}
