import "./models.css";
import { api } from "../../api/client";
import { useScope } from "../../api/session";
import { useTexts } from "../../i18n";
import { bytes } from "../../lib/format";
import { useLoaded } from "../../lib/load";
import { Failed, Page, Waiting } from "../../ui/Page";
import { Pill, type Tone } from "../../ui/Pill";
import type { ViewProps } from "..";
import { Download } from "./Download";
import { MachineCard } from "./MachineCard";
import type { Model, ModelFile, Status } from "./types";

const TONES: Record<Status, Tone> = {
  downloaded: "good",
  partial: "warn",
  missing: "plain",
  wrong_size: "danger",
  damaged: "danger",
};

const MB = 1_000_000;

export default function ModelsView(_: ViewProps) {
  const t = useTexts().models;
  const mayWrite = useScope("models:write");
  const seesMachine = useScope("system:read");
  const loaded = useLoaded("models", (signal) => api.get<Model[]>("v1/models", { signal }));
  const models = loaded.value ?? [];
  const packaged = models.filter((model) => !model.isAvailableForDownload);
  return (
    <Page title={t.title} lead={t.lead}>
      {loaded.error && <Failed message={loaded.error} retry={loaded.reload} />}
      {!loaded.value && loaded.loading && <Waiting />}
      <div class="stack">
        {models
          .filter((model) => model.isAvailableForDownload)
          .map((model) => (
            <ModelCard key={model.name} model={model} mayWrite={mayWrite} reload={loaded.reload} />
          ))}
        {seesMachine && <MachineCard />}
        {packaged.length > 0 && <Packaged models={packaged} />}
      </div>
    </Page>
  );
}

function ModelCard({ model, mayWrite, reload }: { model: Model; mayWrite: boolean; reload: () => void }) {
  const t = useTexts().models;
  return (
    <section class="card stack" aria-labelledby={model.name}>
      <div class="stack-small">
        <div class="row">
          <h2 id={model.name}>{model.name}</h2>
          <StatusPill status={model.status} />
          {model.loaded && (
            <Pill tone="accent" dot>
              {t.loaded}
            </Pill>
          )}
        </div>
        <p class="muted">
          {t.of(bytes(model.presentSizeMb * MB), bytes(model.expectedSizeMb * MB))}
          {" · "}
          {model.isRequired ? t.needed : t.notNeeded}
        </p>
        <p class="small muted">
          {t.folder}: <code>{model.localPath}</code>
        </p>
      </div>
      <Download model={model} mayWrite={mayWrite} onChange={reload} />
      <Files files={model.files} name={model.name} />
    </section>
  );
}

function Files({ files, name }: { files: readonly ModelFile[]; name: string }) {
  const t = useTexts().models;
  return (
    <table class="table folds model-files" aria-label={name}>
      <thead>
        <tr>
          <th scope="col">{t.file}</th>
          <th scope="col">{t.type}</th>
          <th scope="col" class="end">
            {t.size}
          </th>
          <th scope="col">{t.status}</th>
        </tr>
      </thead>
      <tbody>
        {files.map((file) => (
          <tr key={file.name}>
            <td>
              <code>{file.name}</code>
            </td>
            <td class="muted">{t.whats[file.type as keyof typeof t.whats] ?? file.type}</td>
            <td class="end num">
              <FileSize file={file} />
            </td>
            <td>
              <StatusPill status={file.status} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function FileSize({ file }: { file: ModelFile }) {
  const t = useTexts().models;
  const expected = (file.expectedSizeMb ?? 0) * MB;
  const there = file.presentSizeMb * MB;
  const shown = file.expectedSizeIsExact ? bytes(expected) : t.about(bytes(expected));
  if (!expected) return <>{there ? bytes(there) : ""}</>;
  if (file.status === "partial" || file.status === "wrong_size") return <>{t.of(bytes(there), shown)}</>;
  return <>{shown}</>;
}

function Packaged({ models }: { models: readonly Model[] }) {
  const t = useTexts().models;
  return (
    <section class="card flush" aria-labelledby="packaged">
      <div class="models-head">
        <h2 id="packaged">{t.packaged}</h2>
        <p class="small muted">{t.packagedHint}</p>
      </div>
      <table class="table folds packaged" aria-labelledby="packaged">
        <thead>
          <tr>
            <th scope="col">{t.package}</th>
            <th scope="col">{t.type}</th>
            <th scope="col" class="end">
              {t.size}
            </th>
            <th scope="col">{t.status}</th>
          </tr>
        </thead>
        <tbody>
          {models.map((model) => (
            <tr key={model.name}>
              <td>
                <span>{model.name}</span> <span class="small muted">{model.package}</span>
              </td>
              <td class="muted">{t.types[model.type as keyof typeof t.types] ?? model.type}</td>
              <td class="end num">{bytes(model.presentSizeMb * MB)}</td>
              <td>
                <span class="row">
                  <StatusPill status={model.status} />
                  {model.loaded && (
                    <Pill tone="accent" dot>
                      {t.loaded}
                    </Pill>
                  )}
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function StatusPill({ status }: { status: Status }) {
  const t = useTexts().models;
  return <Pill tone={TONES[status]}>{t.statuses[status]}</Pill>;
}
