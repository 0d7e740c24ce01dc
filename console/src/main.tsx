import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/surfaces.css";
import "./styles/controls.css"; // after the cards: a menu is one, with less room
import { render } from "preact";
import { beginSession } from "./api/session";
import { applyLanguage } from "./i18n";
import { followAddress } from "./lib/router";
import { applyTheme } from "./lib/theme";
import { App } from "./shell/App";

applyTheme();
followAddress();
await applyLanguage();
const page = document.getElementById("app");
if (page) render(<App />, page);
await beginSession();
