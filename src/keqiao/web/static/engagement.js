/* Keqiao 科桥 · contact: the form in a dialog. Without this file the same link opens it as a page. */
(() => {
  let dialog;
  const make = () => {
    dialog = document.createElement("dialog");
    dialog.className = "dialog dialog--sheet";
    dialog.setAttribute("aria-labelledby", "contact-title");
    document.body.append(dialog);
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-cancel]")) { event.preventDefault(); dialog.close(); }
    });
    return dialog;
  };

  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-contact]");
    if (!link || event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || !HTMLDialogElement.prototype.showModal) return;
    const page = document.querySelector(".contact-page");
    if (page) return; // already the page: its links lead on as links do
    event.preventDefault();
    let answer;
    try { answer = await fetch(link.href, { headers: { "HX-Request": "true" } }); } catch { location.assign(link.href); return; }
    if (!answer.ok || answer.redirected) { location.assign(link.href); return; }
    const box = dialog || make();
    box.innerHTML = await answer.text();
    if (!box.open) box.showModal();
    box.querySelector("textarea")?.focus();
  });

  // Threads and the workbench follow what happens: the live process says that something did, the page asks what.
  // The server's page is put in the place of this one, except where somebody is writing or has opened something.
  const follow = () => {
    const frame = document.querySelector("[data-follow]");
    if (!frame || !frame.dataset.follow || !window.EventSource) return;
    const link = document.querySelector("[data-follow-link]"), said = document.querySelector("[data-follow-said]");
    let source, asking = false, again = false, late = false;

    const quiet = (part) => !part.contains(document.activeElement) && !part.querySelector("details[open]")
      && ![...part.querySelectorAll("textarea,input[type=text],input:not([type])")].some((box) => box.value !== box.defaultValue)
      && ![...part.querySelectorAll("input[type=file]")].some((box) => box.files.length);
    const merge = (fresh) => {
      fresh.querySelectorAll("#messages > li").forEach((item) => {
        const old = document.getElementById(item.id);
        if (!old) document.getElementById("messages").append(document.importNode(item, true));
        else if (old.innerHTML !== item.innerHTML && !old.contains(document.activeElement)) old.innerHTML = item.innerHTML;
      });
      ["thread-head", "end", "thread-next", "workbench-head", "workbench-counts", "contact-list"].forEach((id) => {
        const old = document.getElementById(id), part = fresh.getElementById(id);
        if (!old || !part || !quiet(old)) return;
        const key = (box) => box.innerHTML.replace(/name="(?:csrfmiddlewaretoken|key)" value="[^"]*"/g, "");
        if (key(old) !== key(part)) old.replaceWith(document.importNode(part, true));
      });
    };
    const ask = async () => {
      if (document.visibilityState !== "visible") { late = true; return; } // what nobody looks at is not marked as read
      if (asking) { again = true; return; }
      asking = true;
      late = false;
      try {
        const answer = await fetch(location.href, { credentials: "same-origin", headers: { "X-Requested-With": "follow" } });
        if (!answer.ok || answer.redirected) { source.close(); if (said) said.hidden = true; return; } // left, or signed out
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html"), now = fresh.querySelector("[data-follow]");
        if (!now) return;
        merge(fresh);
        frame.dataset.sequence = now.dataset.sequence;
        if (now.dataset.follow !== frame.dataset.follow) { frame.dataset.follow = now.dataset.follow; open(); }
      } catch { late = true; } finally {
        asking = false;
        if (again) { again = false; ask(); }
      }
    };
    const open = () => {
      source?.close();
      if (!frame.dataset.follow) return;
      source = new EventSource(frame.dataset.follow);
      // Whatever came between the page and the connection, or while it was lost, is asked for now.
      source.addEventListener("open", () => { if (said) said.hidden = false; if (link) link.hidden = true; ask(); });
      source.addEventListener("error", () => { if (said) said.hidden = true; if (link) link.hidden = false; });
      source.addEventListener("resync", ask);
      source.addEventListener("changed", (event) => { if ("own" in frame.dataset || JSON.parse(event.data).sequence !== Number(frame.dataset.sequence)) ask(); });
    };
    document.addEventListener("visibilitychange", () => { if (late && document.visibilityState === "visible") ask(); });
    addEventListener("pagehide", () => source?.close());
    addEventListener("pageshow", (event) => { if (event.persisted) open(); });
    open();
  };
  follow();

  // A second press sends nothing: the first one is on its way.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form.contact-form, form.composer")) return;
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = "1";
    addEventListener("pageshow", () => { delete event.target.dataset.sent; }, { once: true });
  });
})();
