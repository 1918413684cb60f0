/* Keqiao 科桥 · imports: the upload button says that it is at work, and a file can be dropped. Works without this file. */
(() => {
  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const input = form.querySelector("input[type=file]");
  const button = form.querySelector("button[data-busy]");
  form.addEventListener("submit", () => {
    if (!input.files.length) return;
    button.setAttribute("aria-disabled", "true");
    button.lastChild.textContent = button.dataset.busy;
  });
  addEventListener("pageshow", () => { if (button.getAttribute("aria-disabled")) location.reload(); });
  ["dragenter", "dragover"].forEach((name) => input.addEventListener(name, () => input.classList.add("is-over")));
  ["dragleave", "drop"].forEach((name) => input.addEventListener(name, () => input.classList.remove("is-over")));
})();
