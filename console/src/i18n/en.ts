// All English texts. One file to a view, so that each is found, and edited, by itself.
import { calls } from "./en/calls";
import { health } from "./en/health";
import { live } from "./en/live";
import { models } from "./en/models";
import { personas } from "./en/personas";
import { phone } from "./en/phone";
import { shell } from "./en/shell";
import { voices } from "./en/voices";

export const en = { shell, live, calls, phone, personas, voices, models, health };

/** What a language has to say. English is the measure: a text that another one lacks does not compile. */
export type Texts = typeof en;
