import { type OtherRecord, saysMore } from "../../call/records";
import type { Texts } from "../en";

const HOW: Readonly<Record<string, string>> = {
  caller_hung_up: "Colgó quien llamaba",
  agent_goodbye: "El agente se despidió",
  operator_hangup: "Terminada desde fuera",
  gate_hangup: "Terminada por el filtro",
  transfer: "Pasada a una persona",
  idle: "Nadie hablaba",
  too_long: "Demasiado larga",
  engine_full: "Todas las líneas ocupadas",
  sent_elsewhere: "Enviada a otro sitio",
  too_many_calls: "Demasiadas de este número",
  engine_failed: "Falló el motor",
  carrier_lost: "Conexión perdida",
  protocol_error: "Error de protocolo",
  never_connected: "Nunca conectó",
  machine: "Contestador",
  shutdown: "Se detuvo el puente",
  internal_error: "Error interno",
  interrupted: "Interrumpida",
};

const ASKED: Readonly<Record<string, string>> = {
  transfer: "pasar la llamada",
  hangup: "terminar la llamada",
  never_call: "que no se vuelva a llamar",
};

const ASKERS: Readonly<Record<string, string>> = {
  caller: "Quien llama pidió",
  gate: "El filtro pidió",
  key: "Con una tecla se pidió",
  operator: "Un operador pidió",
};

function note(record: OtherRecord): string {
  switch (record.type) {
    case "digit":
      return record.digit ? `Tecla ${record.digit} pulsada` : "Se pulsó una tecla";
    case "recording":
      return record.state === "began"
        ? "Empezó la grabación"
        : "Quien llama no quiso ser grabado: la grabación se borró";
    case "asked":
      return `${ASKERS[record.by] ?? record.by} ${ASKED[record.what] ?? record.what}`;
    case "person":
      return `Persona: ${record.status}`;
    case "problem":
      return record.what;
    case "ended":
      return `${HOW[record.how] ?? record.how}${saysMore(record) ? `: ${record.reason}` : ""}`;
    default:
      return record.type;
  }
}

export const calls: Texts["calls"] = {
  title: "Llamadas",
  lead: "Las llamadas terminadas y las que están en curso, primero la más reciente.",
  one: "Una llamada",
  search: "Buscar palabras y números",
  filters: "Filtros",
  any: "Cualquiera",
  since: "Desde el día",
  until: "Hasta el día",
  onlyVerdicts: "Solo con intervenciones",
  clear: "Quitar filtros",
  found: (count, more) => (more ? `Más de ${count} llamadas encontradas` : `${count} llamadas encontradas`),
  none: "Todavía no hay llamadas",
  noneHint: "Cada llamada deja aquí sus palabras, y su sonido si se graba.",
  noMatch: "No hay ninguna llamada así",
  noMatchHint: "Pruebe con menos palabras o con otros días.",
  more: "Mostrar llamadas anteriores",
  searchOlder: "Buscar en llamadas anteriores",
  notAmong: (count) => `No está entre las ${count} llamadas más recientes. Hay anteriores.`,
  when: "Cuándo",
  number: "Número",
  persona: "Persona",
  ending: "Cómo terminó",
  marks: "Señales",
  length: "Duración",
  recorded: "Grabada",
  problems: (count) => (count === 1 ? "1 problema" : `${count} problemas`),
  goingOn: "En curso",
  stillOn: "Esta llamada sigue en curso.",
  follow: "Seguirla en directo",
  summary: "Resumen",
  recording: "Grabación",
  noRecording: "Esta llamada no se grabó.",
  mayNotHear: "Se grabó; su clave no sirve para escuchar (calls:listen).",
  noWords: "No se dijo nada que se pudiera escribir.",
  play: "Reproducir",
  pause: "Pausa",
  playFailed: "No se puede reproducir la grabación.",
  playFrom: (time) => `Reproducir desde ${time}`,
  place: "Lugar en la grabación",
  placeOf: (now, length) => `${now} de ${length}`,
  speed: "Velocidad",
  download: "Descargar",
  files: {
    "recording.wav": "Grabación (WAV, estéreo)",
    "transcript.txt": "Transcripción (texto)",
    "transcript.json": "Transcripción (JSON)",
    "transcript.jsonl": "Registro (JSON Lines)",
  },
  forget: "Borrar",
  forgetTitle: "¿Borrar esta llamada?",
  forgetText: "Se borran para siempre su transcripción, su grabación y su sitio en la lista.",
  forgotten: "La llamada se ha borrado.",
  facts: "Detalles",
  from: "De",
  to: "A",
  direction: "Sentido",
  carrier: "Operador",
  carrierId: "Id. del operador",
  engine: "Motor",
  began: "Empezó",
  over: "Terminó",
  reason: "Motivo",
  id: "Id.",
  conversation: "Conversación",
  speakers: { caller: "Quien llama", agent: "Agente" },
  unheard: "No se oyó",
  unheardWhy: {
    caller_spoke: "habló quien llamaba",
    gate: "lo retiró el filtro",
    call_ended: "terminó la llamada",
  },
  gate: "Filtro de temas",
  actions: { refuse: "Rechazado", redirect: "Desviado", transfer: "Pasada a una persona", hangup: "Colgada" },
  verdict: (topic, phrase, speaker) =>
    `Tema «${topic}»${phrase ? `, frase «${phrase}»` : ""}, ${speaker === "caller" ? "en la pregunta de quien llama" : "en las palabras del agente"}`,
  offTopic: (speaker) =>
    `Ninguno de los temas permitidos, ${speaker === "caller" ? "en la pregunta de quien llama" : "en las palabras del agente"}`,
  withheld: "No se dijo",
  heardOfIt: "Se llegó a oír",
  how: HOW,
  note,
};
