"""The CPU engine's own lines in each language: what it says where neither the persona nor a model has words for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Lines:
    """One language's lines. `hello`, `thanks`, … answer small talk; the last three stand in for a model that fails."""

    hello: str
    thanks: str
    well: str
    machine: str
    wait: str
    more: str
    all_right: str
    nothing_said: str
    model_failed: str
    model_loading: str
    model_busy: str


_LINES: Final = {
    "en": Lines(
        hello="Hello! What can I do for you?",
        thanks="You're welcome. Is there anything else I can help you with?",
        well="I'm doing fine, thank you. What can I do for you?",
        machine="I'm an automatic assistant, not a person. What can I do for you?",
        wait="Of course. Take your time.",
        more="Of course. What would you like to know?",
        all_right="All right. Is there anything else I can help you with?",
        nothing_said="I haven't told you anything yet. What would you like to know?",
        model_failed="I'm sorry, I'm having trouble finding an answer just now. Could you ask me that again?",
        model_loading="I'm sorry, I'm just getting ready. Please ask me again in a moment.",
        model_busy="I'm sorry, we're very busy just now. Please ask me again in a moment.",
    ),
    "de": Lines(
        hello="Hallo! Was kann ich für Sie tun?",
        thanks="Gern geschehen. Kann ich sonst noch etwas für Sie tun?",
        well="Danke, gut. Was kann ich für Sie tun?",
        machine="Ich bin ein automatischer Assistent, kein Mensch. Was kann ich für Sie tun?",
        wait="Natürlich. Lassen Sie sich Zeit.",
        more="Gern. Was möchten Sie wissen?",
        all_right="In Ordnung. Kann ich sonst noch etwas für Sie tun?",
        nothing_said="Ich habe Ihnen noch nichts gesagt. Was möchten Sie wissen?",
        model_failed="Entschuldigung, ich finde gerade keine Antwort. Könnten Sie mich das noch einmal fragen?",
        model_loading="Entschuldigung, ich bin gleich so weit. Bitte fragen Sie mich in einem Moment noch einmal.",
        model_busy="Entschuldigung, gerade ist sehr viel los. Bitte fragen Sie mich in einem Moment noch einmal.",
    ),
    "es": Lines(
        hello="¡Hola! ¿En qué puedo ayudarle?",
        thanks="De nada. ¿Puedo ayudarle en algo más?",
        well="Muy bien, gracias. ¿En qué puedo ayudarle?",
        machine="Soy un asistente automático, no una persona. ¿En qué puedo ayudarle?",
        wait="Por supuesto. Tómese su tiempo.",
        more="Por supuesto. ¿Qué quiere saber?",
        all_right="De acuerdo. ¿Puedo ayudarle en algo más?",
        nothing_said="Todavía no le he dicho nada. ¿Qué quiere saber?",
        model_failed="Lo siento, ahora mismo no encuentro una respuesta. ¿Podría preguntármelo otra vez?",
        model_loading="Lo siento, enseguida estoy listo. Vuelva a preguntarme en un momento, por favor.",
        model_busy="Lo siento, ahora hay muchas llamadas. Vuelva a preguntarme en un momento, por favor.",
    ),
    "fr": Lines(
        hello="Bonjour ! Que puis-je faire pour vous ?",
        thanks="Je vous en prie. Puis-je faire autre chose pour vous ?",
        well="Très bien, merci. Que puis-je faire pour vous ?",
        machine="Je suis un assistant automatique, pas une personne. Que puis-je faire pour vous ?",
        wait="Bien sûr. Prenez votre temps.",
        more="Bien sûr. Que voulez-vous savoir ?",
        all_right="Très bien. Puis-je faire autre chose pour vous ?",
        nothing_said="Je ne vous ai encore rien dit. Que voulez-vous savoir ?",
        model_failed="Je suis désolé, je ne trouve pas de réponse. Pourriez-vous me le demander encore une fois ?",
        model_loading="Je suis désolé, je serai prêt dans un instant. Veuillez me le redemander dans un moment.",
        model_busy="Je suis désolé, il y a beaucoup d'appels. Veuillez me le redemander dans un moment.",
    ),
    "it": Lines(
        hello="Buongiorno! Come posso aiutarla?",
        thanks="Prego. Posso aiutarla in altro?",
        well="Bene, grazie. Come posso aiutarla?",
        machine="Sono un assistente automatico, non una persona. Come posso aiutarla?",
        wait="Certo. Faccia con calma.",
        more="Certo. Che cosa desidera sapere?",
        all_right="Va bene. Posso aiutarla in altro?",
        nothing_said="Non le ho ancora detto nulla. Che cosa desidera sapere?",
        model_failed="Mi dispiace, al momento non trovo una risposta. Potrebbe chiedermelo di nuovo?",
        model_loading="Mi dispiace, sono quasi pronto. Me lo chieda di nuovo tra un momento.",
        model_busy="Mi dispiace, ora ci sono molte chiamate. Me lo chieda di nuovo tra un momento.",
    ),
}


def lines_for(language: str) -> Lines:
    """Lines of a persona's language (`de`, `en-GB`, …); English where there are none."""
    return _LINES.get(language.split("-")[0], _LINES["en"])
