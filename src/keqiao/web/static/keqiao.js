/* Keqiao 科桥 · progressive enhancement. Every page works without this file. */
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const narrow = matchMedia("(max-width:1020px)");

  // Theme: the button is a form that posts; here it answers at once and the same cookie is written.
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-theme-toggle]");
    if (!form || !event.submitter) return;
    event.preventDefault();
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    const next = dark ? "light" : "dark";
    root.dataset.theme = next;
    event.submitter.value = dark ? "dark" : "light";
    const secure = location.protocol === "https:" ? ";secure" : "";
    document.cookie = `keqiao_theme=${next};path=/;max-age=31536000;samesite=lax${secure}`;
  });

  // Input methods: Enter that confirms a candidate sends nothing, and nothing is sent while composing.
  let composing = false;
  document.addEventListener("compositionstart", () => { composing = true; });
  document.addEventListener("compositionend", () => { composing = false; });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    if (event.isComposing || composing || event.keyCode === 229) { event.stopPropagation(); if (event.target.form) event.preventDefault(); return; }
    // In the hero's text area Enter searches, Shift+Enter begins a line.
    if (event.target.matches("textarea[data-enter]") && !event.shiftKey) { event.preventDefault(); event.target.form.requestSubmit(); }
  }, true);

  // Filters: a changed box, list or bound applies itself; in the sheet the button does.
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (composing || !form || !form.matches("[data-apply]") || event.target.closest("dialog")) return;
    if (event.target.matches("input[type=radio]")) form.submit(); // the other bank is another page
    else if (event.target.matches("input[type=checkbox],select,input[data-bound]")) form.requestSubmit();
  });

  // Picks for a comparison are counted, and kept in the addresses of the list's other pages.
  document.addEventListener("change", (event) => {
    const form = event.target.form, said = form && form.querySelector("[data-picks]");
    if (!said) return;
    const picks = new FormData(form).getAll("with");
    said.textContent = said.dataset.picks.replace("{n}", picks.length);
    const keep = (address) => {
      const to = new URL(address, location.href);
      to.searchParams.delete("with");
      picks.forEach((code) => to.searchParams.append("with", code));
      return to.search || to.pathname;
    };
    all(".pager a, .read a").forEach((link) => link.setAttribute("href", keep(link.getAttribute("href"))));
    history.replaceState(history.state, "", keep(location.search || location.pathname));
  });

  // The filter sheet on phones: the one set of filters moves into a dialog and back.
  const sheet = document.getElementById("sheet");
  const home = () => { const filters = document.getElementById("filters"), lay = document.getElementById("lay"); if (filters && lay && !lay.contains(filters)) lay.prepend(filters); };
  document.addEventListener("click", (event) => {
    const open = event.target.closest("[data-sheet]");
    if (open && sheet && narrow.matches && sheet.showModal) {
      event.preventDefault();
      sheet.querySelector(".db").append(document.getElementById("filters"));
      sheet.showModal();
    }
    if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
    if (event.target === sheet) sheet.close();
    const apply = event.target.closest("[data-apply-sheet]");
    if (apply) { sheet.close(); home(); document.getElementById("search").requestSubmit(); }
  });
  if (sheet) { sheet.addEventListener("close", home); narrow.addEventListener("change", () => sheet.open && sheet.close()); }

  // Matches: links without script; with it a list of tabs with one stop for the keyboard (WAI-ARIA).
  all("[data-tabs]").forEach((list) => {
    const tabs = all("a.mrow", list), panel = document.getElementById(list.dataset.tabs);
    if (!panel || !tabs.length) return;
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-orientation", "vertical");
    panel.setAttribute("role", "tabpanel");
    panel.tabIndex = 0;
    const mark = (chosen) => {
      tabs.forEach((tab) => { tab.setAttribute("aria-selected", tab === chosen); tab.tabIndex = tab === chosen ? 0 : -1; });
      if (chosen) panel.setAttribute("aria-labelledby", chosen.id);
    };
    tabs.forEach((tab) => { tab.setAttribute("role", "tab"); tab.setAttribute("aria-controls", panel.id); });
    const current = tabs.find((tab) => tab.hasAttribute("aria-current"));
    tabs.forEach((tab) => tab.removeAttribute("aria-current"));
    mark(current); // a match further down the list may be shown: then no tab is selected
    if (!current) tabs[0].tabIndex = 0;
    list.addEventListener("click", (event) => { const tab = event.target.closest("a.mrow"); if (tab && !event.metaKey && !event.ctrlKey && !event.shiftKey) mark(tab); });
    list.addEventListener("keydown", (event) => {
      const at = tabs.indexOf(document.activeElement), last = tabs.length - 1;
      const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
      if (event.key === " " && at >= 0) { event.preventDefault(); tabs[at].click(); return; }
      if (to === undefined || at < 0) return;
      event.preventDefault();
      const tab = tabs[(to + tabs.length) % tabs.length];
      tab.focus();
      tab.click();
    });
    let byPointer = false;
    list.addEventListener("pointerdown", () => { byPointer = true; });
    list.addEventListener("keydown", () => { byPointer = false; }, true);
    panel.addEventListener("htmx:afterSwap", () => { if (byPointer && innerWidth < 861) panel.scrollIntoView({ block: "start" }); });
  });

  // The bridge on the home page: pointing at one end dims what it is not joined to.
  all("[data-bridge]").forEach((bridge) => {
    const parts = all("[data-pair]", bridge);
    const show = (pair) => parts.forEach((part) => part.classList.toggle("dim", pair !== undefined && part.dataset.pair !== pair));
    const pairOf = (event) => event.target.closest("li[data-pair]")?.dataset.pair;
    bridge.addEventListener("pointerover", (event) => show(pairOf(event)));
    bridge.addEventListener("pointerleave", () => show());
    bridge.addEventListener("focusin", (event) => show(pairOf(event)));
    bridge.addEventListener("focusout", () => show());
  });

  // Whoever signs out leaves no draft in this browser.
  document.addEventListener("submit", (event) => {
    if (!(event.target.getAttribute("action") || "").endsWith("/sign-out")) return;
    try { Object.keys(localStorage).filter((key) => key.startsWith("keqiao-draft:")).forEach((key) => localStorage.removeItem(key)); } catch { /* nothing is kept here */ }
  });

  // Demo accounts fill the form in.
  document.addEventListener("click", (event) => {
    const fill = event.target.closest("[data-email]");
    if (!fill) return;
    document.getElementById("id_username").value = fill.dataset.email;
    document.getElementById("id_password").value = fill.dataset.password;
    document.getElementById("sign-in-button").focus();
  });
})();
