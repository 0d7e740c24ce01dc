// All Spanish texts, of the same shape as the English ones.
import type { Texts } from "./en";
import { calls } from "./es/calls";
import { health } from "./es/health";
import { live } from "./es/live";
import { models } from "./es/models";
import { personas } from "./es/personas";
import { phone } from "./es/phone";
import { shell } from "./es/shell";
import { voices } from "./es/voices";

export const es: Texts = { shell, live, calls, phone, personas, voices, models, health };
