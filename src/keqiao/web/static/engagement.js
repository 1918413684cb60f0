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

  // A second press sends nothing: the first one is on its way.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form.contact-form, form.composer")) return;
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = "1";
    addEventListener("pageshow", () => { delete event.target.dataset.sent; }, { once: true });
  });
})();
