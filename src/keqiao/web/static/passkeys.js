/* Passkeys: the one thing here that needs a script. Without it, or without support, its buttons stay hidden. */
(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const ids = (list) => (list || []).map((row) => ({ ...row, id: bytes(row.id) }));

  const making = (o) => ({ ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: ids(o.excludeCredentials) });
  const asking = (o) => ({ ...o, challenge: bytes(o.challenge), allowCredentials: ids(o.allowCredentials) });

  const written = (credential) => {
    const { response } = credential;
    const said = { clientDataJSON: text(response.clientDataJSON) };
    if (response.attestationObject) {
      said.attestationObject = text(response.attestationObject);
      said.transports = response.getTransports ? response.getTransports() : [];
    } else {
      said.authenticatorData = text(response.authenticatorData);
      said.signature = text(response.signature);
      said.userHandle = response.userHandle ? text(response.userHandle) : null;
    }
    return {
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment || null,
      clientExtensionResults: credential.getClientExtensionResults(),
      response: said,
    };
  };

  document.querySelectorAll("[data-needs-passkeys]").forEach((button) => { button.hidden = false; });
  document.querySelectorAll("form[data-passkey-url]").forEach((form) => {
    const button = form.querySelector("[data-passkey-button]");
    const problem = form.querySelector("[data-passkey-problem]");
    button.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      problem.hidden = true;
      try {
        const answer = await fetch(form.dataset.passkeyUrl, { headers: { Accept: "application/json" } });
        const { options } = await answer.json();
        const isNew = "passkeyNew" in form.dataset;
        const credential = isNew
          ? await navigator.credentials.create({ publicKey: making(options.publicKey) })
          : await navigator.credentials.get({ publicKey: asking(options.publicKey) });
        form.elements.credential.value = JSON.stringify(written(credential));
        form.submit();
      } catch {
        problem.hidden = false;
        button.disabled = false;
        button.focus();
      }
    });
  });
})();
