import { api } from "../../api/client";
import { useTexts } from "../../i18n";
import { bytes, number } from "../../lib/format";
import { useEvery, useLoaded } from "../../lib/load";
import { Failed, Waiting } from "../../ui/Page";
import type { Forecast, Machine } from "./types";

/** What this machine is, and how many calls it holds: as it runs, and as is computed for its GPUs. */
export function MachineCard() {
  const t = useTexts().models.machine;
  const loaded = useLoaded("machine", (signal) => api.get<Machine>("v1/machine", { signal }));
  useEvery(15_000, loaded.reload);
  const machine = loaded.value;
  return (
    <section class="card stack" aria-labelledby="machine">
      <h2 id="machine">{t.title}</h2>
      {!machine && loaded.error && <Failed message={loaded.error} retry={loaded.reload} />}
      {!machine && loaded.loading && <Waiting />}
      {machine && <Facts machine={machine} />}
    </section>
  );
}

function Facts({ machine }: { machine: Machine }) {
  const t = useTexts().models.machine;
  const { holds, processor, memory } = machine;
  return (
    <>
      <p>
        <strong class="machine-calls num">{holds.calls === 1 ? t.nowOne : t.now(number(holds.calls))}</strong>{" "}
        <span class="muted">
          {t.engine(holds.engine)}: {t.bounds[holds.bound]}.
        </span>
      </p>
      <dl class="pairs">
        <dt>{t.processor}</dt>
        <dd>
          {processor.name}, {t.cores(number(processor.usable_cores))}
        </dd>
        <dt>{t.memory}</dt>
        <dd class="num">{t.free(bytes(memory.available_bytes), bytes(memory.total_bytes))}</dd>
        {machine.disks.map((disk) => (
          <Pair
            key={disk.for}
            name={disk.for === "models" ? t.diskModels : t.diskCalls}
            value={t.free(bytes(disk.free_bytes), bytes(disk.total_bytes))}
          />
        ))}
      </dl>
      {machine.gpus.length === 0 && <p>{t.noGpu}</p>}
      {machine.gpus.map((gpu, index) => (
        <section key={`${index}-${gpu.name}`} class="stack-small" aria-labelledby={`gpu-${index}`}>
          <h3 id={`gpu-${index}`}>{gpu.name}</h3>
          <p class="small muted num">
            {bytes(gpu.memory_bytes)}
            {gpu.bandwidth_bytes_per_second && <> · {t.bandwidth(bytes(gpu.bandwidth_bytes_per_second))}</>}
          </p>
          <Forecasts forecasts={gpu.forecast} name={gpu.name} />
          <p class="small muted">{t.computed(`${number(100 * machine.efficiency)} %`)}</p>
        </section>
      ))}
    </>
  );
}

function Pair({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd class="num">{value}</dd>
    </>
  );
}

function Forecasts({ forecasts, name }: { forecasts: readonly Forecast[]; name: string }) {
  const t = useTexts().models.machine;
  const limits: Record<string, string> = { memory: t.limits.memory, bandwidth: t.limits.bandwidth };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: wider than a phone's screen, it is scrolled by keys too
    <section class="scrolls" aria-label={name} tabIndex={0}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t.weights}</th>
            <th scope="col">{t.kv}</th>
            <th scope="col" class="end">
              {t.fits}
            </th>
            <th scope="col" class="end">
              {t.step}
            </th>
            <th scope="col">{t.limit}</th>
          </tr>
        </thead>
        <tbody>
          {forecasts.map((one) => (
            <tr key={`${one.weights}-${one.kv}`}>
              <td class="mono">{one.weights}</td>
              <td class="mono">{one.kv}</td>
              <td class="end num">{one.real_time ? number(one.calls) : t.notRealTime}</td>
              <td class="end num">{one.step_ms === null ? "–" : `${number(one.step_ms, 1)} ms`}</td>
              <td>{limits[one.limit] ?? t.limits.unknown}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
