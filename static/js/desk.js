// What every page does: the colour mode, which the server must know to draw the first paint.
// Listens on the document, since a step back in history replaces the body.
document.addEventListener("change", ({ target: choice }) => {
  if (!choice.matches('.switch input[name="theme"]')) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${choice.value}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  if (choice.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice.value;
  document.dispatchEvent(new CustomEvent("themechange"));
});

// "/" goes to the search box, as printed on it; never while typing.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const box = document.querySelector("#q") || document.querySelector("#find");
  if (!box) return;
  event.preventDefault();
  box.focus();
});

// A whole page that comes where a part was asked for is a login that ended or an error: show it as
// the page that it is, never inside another.
document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  if (!ctx || ctx.target === document.body || !/^\s*<!doctype/i.test(ctx.text || "")) return;
  event.preventDefault();
  if (ctx.request.method === "GET") location.assign(ctx.request.action);
  else location.reload();
});
