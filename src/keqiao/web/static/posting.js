/* Keqiao 科桥 · saving while one writes. Without this file every step is sent with its button. */
(() => {
  const form = document.getElementById("post-form");
  if (!form) return;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const line = document.getElementById("saved"), words = line.lastElementChild;
  const { draft, keeper, step } = form.dataset;
  const here = `keqiao-draft:${keeper}:${draft}:${step}`;
  const { saveUrl: address, hintsUrl } = form.dataset;
  const WAIT = 900, RETRY = 5000;
  let timer, retry, waiting = null, running = false, again = false, dirty = false, leaving = false, stopped = false;

  // What the browser keeps until the server has it: only of this draft, this step and this person.
  const keep = (fields, sent = false) => { try { localStorage.setItem(here, JSON.stringify({ sent, revision: form.elements.revision.value, fields })); } catch { /* full or forbidden: nothing to keep it in */ } };
  const kept = () => { try { return JSON.parse(localStorage.getItem(here)); } catch { return null; } };
  const forget = () => { try { localStorage.removeItem(here); } catch { /* as above */ } };

  const written = () => {
    const sent = new FormData(form);
    for (const [name, value] of [...sent.entries()]) if (value instanceof File || name === "agreed") sent.delete(name);
    return sent;
  };
  const plain = (sent) => [...sent.entries()].filter(([name]) => !["csrfmiddlewaretoken", "revision"].includes(name));
  const say = (text, kind = "") => { line.className = `saved ${kind}`; if (words.textContent !== text) words.textContent = text; };

  const save = async () => {
    clearTimeout(timer);
    if (stopped || leaving || !dirty) return;
    if (running) { again = true; return; }
    running = true;
    dirty = false;
    const sent = written();
    let arrived = false;
    keep(plain(sent));
    say(form.dataset.saving, "is-busy");
    try {
      const answer = await fetch(address, { method: "POST", body: sent, credentials: "same-origin", headers: { "X-Requested-With": "fetch" } });
      const told = (answer.headers.get("Content-Type") || "").includes("json") ? await answer.json() : {};
      if (answer.ok) {
        arrived = true;
        form.elements.revision.value = told.revision;
        if (!dirty) { forget(); say(told.said); }
        if (!waiting && !leaving) beside();
      } else if (answer.status === 409) {
        stopped = true;
        say(told.said || form.dataset.unsaved, "is-off");
        offerToCompare();
      } else {
        dirty = true;
        say(told.said || form.dataset.unsaved, "is-off");
        if (answer.status >= 500 || answer.status === 429) later();
      }
    } catch {
      dirty = true;
      if (!leaving) { say(form.dataset.offline, "is-off"); later(); }
    } finally {
      running = false;
      const by = waiting;
      waiting = null;
      if (by && (arrived || stopped)) form.requestSubmit(by);
      else if (again || (dirty && !retry)) { again = false; if (!retry) soon(); }
    }
  };
  const soon = () => { clearTimeout(timer); timer = setTimeout(save, WAIT); };
  const later = () => { clearTimeout(retry); retry = setTimeout(() => { retry = 0; save(); }, RETRY); };
  const changed = () => { dirty = true; if (!stopped) { say(form.dataset.saving, "is-busy"); soon(); } };

  // Two versions: sending the page the ordinary way leads to both of them side by side.
  const offerToCompare = () => {
    if (line.querySelector("button")) return;
    const button = Object.assign(document.createElement("button"), { type: "submit", className: "linkish", name: "go", value: "stay", textContent: form.dataset.compare });
    button.setAttribute("form", form.id);
    button.formNoValidate = true;
    line.append(button);
  };

  // What stands beside the form follows what was saved.
  let asked = 0;
  const beside = async () => {
    const mine = ++asked;
    try {
      const answer = await fetch(hintsUrl, { credentials: "same-origin" });
      if (!answer.ok || mine !== asked) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("hints"), old = document.getElementById("hints");
      if (fresh && old && !old.contains(document.activeElement)) old.replaceWith(fresh);
      const classes = page.getElementById("suggest-classes-new"), place = document.getElementById("suggest-classes");
      if (classes && place && !place.contains(document.activeElement)) place.replaceChildren(...classes.childNodes);
    } catch { /* the hints stay as they were */ }
  };

  form.addEventListener("input", (event) => { if (event.target.type !== "file" && event.target.name !== "agreed" && event.target.name !== "both") changed(); });
  form.addEventListener("focusout", (event) => { if (dirty && !event.relatedTarget?.matches("button")) save(); });
  addEventListener("online", () => { clearTimeout(retry); retry = 0; if (dirty) save(); });
  addEventListener("offline", () => { if (dirty || running) say(form.dataset.offline, "is-off"); });
  addEventListener("pagehide", () => { if (dirty && !leaving) keep(plain(written())); });

  // Sent by a button: the page is saved with it. Offline nothing is lost, the page stays.
  form.addEventListener("submit", (event) => {
    if (!navigator.onLine) { event.preventDefault(); dirty = true; keep(plain(written())); say(form.dataset.offline, "is-off"); later(); return; }
    // A save that is under way comes first: the page sent meanwhile would know an old revision.
    if (running) { event.preventDefault(); waiting = event.submitter || form.querySelector("button[name=go]"); return; }
    leaving = true;
    clearTimeout(timer);
    keep(plain(written()), true);
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  // Rows are added and taken away in place.
  const number = (table) => Math.max(-1, ...all("[data-row]", table).map((row) => Number(row.dataset.n))) + 1;
  all("[data-rows]").forEach((table) => all("[data-row]", table).forEach((row, n) => { row.dataset.n = n; }));
  form.addEventListener("click", (event) => {
    const add = event.target.closest("[data-add]"), remove = event.target.closest("[data-remove]");
    if (add) {
      const table = add.closest("[data-rows]"), rows = all("[data-row]", table), model = rows[rows.length - 1];
      if (!model) return;
      event.preventDefault();
      const n = number(table), fresh = model.cloneNode(true), name = table.dataset.rows, old = model.dataset.n;
      fresh.dataset.n = n;
      fresh.classList.remove("bad");
      all(".err", fresh).forEach((error) => error.remove());
      all("[name]", fresh).forEach((control) => {
        if (control.name === `${name}.rows`) { control.value = n; return; }
        control.name = control.name.replace(`${name}.${old}.`, `${name}.${n}.`);
        if (control.id) control.id = control.id.replace(`-${name}-${old}-`, `-${name}-${n}-`);
        control.classList.remove("bad1");
        control.removeAttribute("aria-invalid");
        control.removeAttribute("aria-describedby");
        if (control.type === "checkbox") control.checked = true;
        else if (control.tagName === "SELECT") control.selectedIndex = 0;
        else if (control.tagName === "BUTTON") control.value = `${name}.${n}`;
        else if (control.type === "hidden") control.remove();
        else control.value = "";
      });
      fresh.removeAttribute("aria-label");
      model.after(fresh);
      fresh.querySelector("input:not([type=hidden])").focus();
    }
    if (remove) {
      const row = remove.closest("[data-row]"), table = row.closest("[data-rows]"), rows = all("[data-row]", table);
      event.preventDefault();
      const at = rows.indexOf(row), next = rows[at + 1] || rows[at - 1];
      if (rows.length > 1) row.remove();
      else all("input:not([type=hidden]):not([type=checkbox])", row).forEach((box) => { box.value = ""; });
      (next && next.isConnected ? next : row).querySelector("input:not([type=hidden])").focus();
      changed();
    }
  });

  // Something was left here unsaved: put it back and save it.
  // What was sent with a button and arrived is not unsaved; what was written on an old revision leads to both versions.
  const now = form.elements.revision.value, before = kept();
  try {
    Object.keys(localStorage).filter((key) => key.startsWith(`keqiao-draft:${keeper}:${draft}:`) && key !== here)
      .forEach((key) => { const other = JSON.parse(localStorage.getItem(key)); if (other.sent && other.revision !== now) localStorage.removeItem(key); });
  } catch { /* nothing is kept here */ }
  if (before && !(before.sent && before.revision !== now) && !document.getElementById("errs")) {
    const fields = new Map();
    before.fields.forEach(([name, value]) => fields.set(name, [...(fields.get(name) || []), value]));
    const there = JSON.stringify(plain(written()));
    const places = (name) => [...form.querySelectorAll(`[name="${CSS.escape(name)}"]`)];
    const table = (name) => form.querySelector(`[data-rows="${name}"]`);
    ["indicators", "team"].forEach((name) => {
      const rows = table(name), wanted = (fields.get(`${name}.rows`) || []).length;
      while (rows && wanted < 51 && all("[data-row]", rows).length < wanted) rows.querySelector("[data-add]").click();
    });
    fields.forEach((values, name) => places(name).forEach((control, n) => {
      if (control.type === "checkbox" || control.type === "radio") control.checked = values.includes(control.value);
      else if (control.type !== "hidden" && control.type !== "file" && control.tagName !== "BUTTON") control.value = values[n] ?? values[0];
    }));
    all("input[type=checkbox][name]", form).forEach((box) => { if (!fields.has(box.name) && box.name !== "agreed" && box.name !== "both") box.checked = false; });
    if (JSON.stringify(plain(written())) === there) forget();
    else { form.elements.revision.value = before.revision; say(form.dataset.kept, "is-off"); dirty = true; soon(); }
  } else if (before) forget();

  const errors = document.getElementById("errs");
  if (errors) errors.focus();
  errors?.addEventListener("click", (event) => {
    const to = event.target.closest("a[href^='#']"), field = to && document.getElementById(to.hash.slice(1));
    if (!field) return;
    field.closest("details")?.setAttribute("open", "");
    const box = field.matches("input,select,textarea") ? field : field.querySelector("input,select,textarea");
    if (box) { event.preventDefault(); box.focus(); box.scrollIntoView({ block: "center" }); }
  });
})();
