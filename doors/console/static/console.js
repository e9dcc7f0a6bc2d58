// What the pages do more with a script than without one. Everything works without it, too.
"use strict";

// Times in the reader's own zone.
for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  if (!Number.isNaN(moment.valueOf())) {
    time.title = time.textContent;
    time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  }
}

// A choice takes effect at once.
for (const form of document.querySelectorAll("form[data-choose]")) {
  form.addEventListener("change", () => form.submit());
  form.querySelector("button").hidden = true;
}

// What can't be undone is asked for.
for (const form of document.querySelectorAll("form[data-confirm]")) {
  form.addEventListener("submit", (event) => {
    if (!window.confirm(form.dataset.confirm)) event.preventDefault();
  });
}

// Copy a text.
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}

// A run that is under way tells its steps as they happen.
const watched = document.querySelector("[data-events]");
if (watched) {
  const list = document.getElementById("events");
  const octets = document.getElementById("octets");
  let shown = list.children.length;
  let told = 0;
  const source = new EventSource(watched.dataset.events);
  source.addEventListener("progress", (event) => {
    told += 1;
    if (told <= shown) return; // the page had it already
    shown = told;
    const { ms, text } = JSON.parse(event.data);
    const item = document.createElement("li");
    const time = document.createElement("span");
    time.className = "ms";
    time.textContent = ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
    item.append(time, " ", text);
    list.append(item);
    const link = text.match(/https:\/\/\S+/g)?.at(-1); // of a code's two links the one that has the code in it
    if (link) {
      const anchor = document.createElement("a");
      anchor.className = "button";
      anchor.href = link.replace(/[.,;]$/, "");
      anchor.target = "_blank";
      anchor.rel = "noopener noreferrer";
      anchor.textContent = "Open the sign-in page";
      list.before(anchor);
    }
  });
  source.addEventListener("sent", (event) => {
    const { octets: sent, size } = JSON.parse(event.data);
    octets.hidden = false;
    octets.max = size;
    octets.value = sent;
  });
  source.addEventListener("ended", () => {
    source.close();
    window.location.reload();
  });
}

// Addresses as they will be understood, roughly; the preview says it exactly.
function addresses(text) {
  return text.match(/(?:"(?:[^"\\]|\\.)*"|[^,;\n"])+/g)?.map((one) => one.trim()).filter(Boolean) ?? [];
}
for (const input of document.querySelectorAll("input[data-addresses]")) {
  const chips = document.createElement("ul");
  chips.className = "chips";
  chips.setAttribute("aria-hidden", "true");
  input.after(chips);
  const show = () => {
    const found = addresses(input.value);
    chips.hidden = found.length < 2 && !found.some((one) => !one.includes("@"));
    chips.replaceChildren(...found.slice(0, 50).map((one) => {
      const chip = document.createElement("li");
      chip.textContent = one;
      chip.className = one.includes("@") ? "" : "odd";
      return chip;
    }));
  };
  input.addEventListener("input", show);
  show();
}

// JSON that isn't is pointed at while it is written.
for (const area of document.querySelectorAll("textarea[data-json]")) {
  const fault = document.createElement("p");
  fault.className = "fault";
  fault.setAttribute("role", "status");
  area.after(fault);
  area.addEventListener("input", () => {
    fault.textContent = "";
    if (!area.value.trim()) return;
    try {
      JSON.parse(area.value);
    } catch (error) {
      const at = Number(/position (\d+)/.exec(error.message)?.[1] ?? area.value.length);
      const before = area.value.slice(0, at).split("\n");
      fault.textContent = `Line ${before.length}, column ${before.at(-1).length + 1}: not JSON yet.`;
    }
  });
}

// Files can be dropped where they can be chosen.
for (const target of document.querySelectorAll("[data-files], [data-drop]")) {
  const input = target.querySelector("input[type=file]");
  target.addEventListener("dragover", (event) => {
    event.preventDefault();
    target.classList.add("dropping");
  });
  target.addEventListener("dragleave", () => target.classList.remove("dropping"));
  target.addEventListener("drop", (event) => {
    event.preventDefault();
    target.classList.remove("dropping");
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

// A file that is chosen in the run form goes into the vault at once, so that the preview has it.
for (const box of document.querySelectorAll("[data-files]")) {
  const [ids, file] = box.querySelectorAll("input");
  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    const data = new FormData();
    for (const one of file.files) data.append("file", one);
    data.append("container", document.getElementById("container")?.value ?? "");
    box.classList.add("busy");
    try {
      const answer = await fetch("/vault", { method: "POST", body: data, headers: { Accept: "application/json" } });
      if (!answer.ok) return; // it is sent with the form, which says what is wrong
      const added = (await answer.json()).map((one) => one.vault_id);
      ids.value = file.multiple ? [ids.value.trim(), ...added].filter(Boolean).join(", ") : added[0];
      file.value = "";
      ids.dispatchEvent(new Event("input", { bubbles: true }));
    } finally {
      box.classList.remove("busy");
    }
  });
}

// The message beside the form, as it would go out now.
const form = document.querySelector("form[data-preview]");
const place = document.getElementById("preview");
if (form && place) {
  let timer;
  let turn = 0;
  const look = async () => {
    const mine = ++turn;
    const data = new FormData(form);
    for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
    if (!data.get("asset")) return;
    const open = new Map([...place.querySelectorAll("details")].map((one) => [one.firstElementChild.textContent, one.open]));
    const answer = await fetch(form.dataset.preview, { method: "POST", body: data }).catch(() => null);
    if (!answer?.ok || mine !== turn) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    place.replaceChildren(...page.body.childNodes);
    for (const one of place.querySelectorAll("details")) {
      one.open = open.get(one.firstElementChild.textContent) ?? one.open;
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, 500);
  });
  if ([...form.querySelectorAll("[required]")].some((one) => one.value.trim())) look();
}
