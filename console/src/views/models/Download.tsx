import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../api/client";
import { readEvents } from "../../api/sse";
import { useTexts } from "../../i18n";
import { bytes, clock, number } from "../../lib/format";
import { useEvery } from "../../lib/load";
import { Button } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import { toastError } from "../../ui/Toasts";
import { Speed } from "./speed";
import type { Model, Progress } from "./types";

const STUCK_SECONDS = 20;
const PAGE = "https://huggingface.co/nvidia/personaplex-7b-v1";
const TOKENS = "https://huggingface.co/settings/tokens";

const isOn = (progress: Progress | null) => progress?.state === "downloading" || progress?.state === "checking";

/** The download of a model: begun, watched, stopped, and what to do where it failed. */
export function Download({ model, mayWrite, onChange }: { model: Model; mayWrite: boolean; onChange: () => void }) {
  const t = useTexts().models;
  const [progress, setProgress] = useState<Progress | null>(model.download);
  const [busy, setBusy] = useState(false);
  const path = `v1/models/${encodeURIComponent(model.name)}/download`;
  const on = isOn(progress);
  const changed = useRef(onChange);
  changed.current = onChange;

  useEffect(() => {
    if (!on) return;
    const abort = new AbortController();
    const look = async () => {
      while (!abort.signal.aborted) {
        let last: Progress | null = null;
        await readEvents(
          path,
          (event) => {
            if (event.event !== "progress") return;
            last = JSON.parse(event.data) as Progress;
            setProgress(last);
          },
          { signal: abort.signal },
        ).catch(() => null); // the line broke: the next look finds out how far it is
        if (last && !isOn(last)) return changed.current();
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    };
    void look();
    return () => abort.abort();
  }, [on, path]);

  // What another window began, or has ended, comes with the catalogue.
  useEffect(() => {
    if (!on) setProgress(model.download);
  }, [model.download?.state]);
  // The files' own states change with the file in work, and with each few seconds of it.
  useEffect(() => {
    if (on && progress?.file) changed.current();
  }, [on, progress?.file]);
  useEvery(5000, () => on && changed.current());

  const act = async (work: () => Promise<Progress>) => {
    setBusy(true);
    try {
      setProgress(await work());
    } catch (error) {
      toastError(error);
    }
    setBusy(false);
  };
  const begin = () => act(() => api.post<Progress>(path));
  const stop = () =>
    act(async () => {
      const stopped = await api.delete<Progress>(path);
      onChange();
      return stopped;
    });

  const whole = model.status === "downloaded";
  return (
    <div class="stack">
      {!whole && !on && model.requiresAuthentication && <Steps />}
      {progress && on && <Bar progress={progress} />}
      {progress && !on && <Outcome progress={progress} />}
      {mayWrite && (
        <div class="row">
          {on ? (
            <Button icon="close" busy={busy} onClick={() => void stop()}>
              {t.stop}
            </Button>
          ) : (
            <Button kind={whole ? "plain" : "primary"} icon="download" busy={busy} onClick={() => void begin()}>
              {whole ? t.again : model.presentSizeMb > 0 ? t.goOn : t.start}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

function Bar({ progress }: { progress: Progress }) {
  const t = useTexts().models;
  const speed = useRef(new Speed());
  const { all_have: have, all_total: total } = progress;
  const now = progress.state === "downloading" ? speed.current.see(performance.now(), have) : 0;
  const checked = progress.state === "checking" && progress.total ? progress.have / progress.total : null;
  const share = checked ?? (total ? have / total : 0);
  const doing = progress.file
    ? progress.state === "checking"
      ? t.checking(progress.file)
      : t.downloading(progress.file)
    : t.beginning;
  const stuck = progress.idle_seconds >= STUCK_SECONDS;
  return (
    <div class="stack-small">
      <p>
        <strong>{doing}</strong>
      </p>
      <progress class="download-bar" aria-label={t.progress} max={1} value={Math.min(1, share)}>
        {number(100 * share)} %
      </progress>
      <div class="row spread small muted num">
        <span>
          {number(100 * share, 1)} %{checked === null && total > 0 && <> · {t.of(bytes(have), bytes(total))}</>}
        </span>
        {now > 0 && (
          <span>
            {t.speed(bytes(now))} · {t.left(clock((total - have) / now))}
          </span>
        )}
      </div>
      <p class="small muted">{t.begun}</p>
      <div role="status">
        {stuck && (
          <Notice kind="warn">
            {t.nothingMoves(number(progress.idle_seconds))} {t.stuckHelp}
          </Notice>
        )}
      </div>
    </div>
  );
}

function Outcome({ progress }: { progress: Progress }) {
  const t = useTexts().models;
  if (progress.state === "done") return <Notice kind="good">{t.done}</Notice>;
  if (progress.state === "stopped") return <Notice>{t.stopped}</Notice>;
  return (
    <Notice kind="danger">
      <div class="stack-small">
        <strong>{t.failed}</strong>
        <span>{t.help[progress.error ?? "other"]}</span>
        {progress.advice && (
          <details class="model-says">
            <summary>{t.serverSays}</summary>
            <p class="small">{progress.advice}</p>
          </details>
        )}
      </div>
    </Notice>
  );
}

function Steps() {
  const t = useTexts().models;
  return (
    <div class="stack-small">
      <p>{t.gated}</p>
      <ol class="model-steps">
        <li>
          {t.steps.licence}{" "}
          <a href={PAGE} target="_blank" rel="noreferrer">
            {t.steps.licencePage}
          </a>
          .
        </li>
        <li>
          {t.steps.token}{" "}
          <a href={TOKENS} target="_blank" rel="noreferrer">
            {t.steps.tokenPage}
          </a>
          .
        </li>
        <li>{t.steps.put}</li>
      </ol>
    </div>
  );
}
