// What every page does: the colour mode, which the server must know to draw the first paint.
for (const choice of document.querySelectorAll('.switch input[name="theme"]')) {
  choice.addEventListener("change", () => {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${choice.value}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    if (choice.value === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice.value;
    document.dispatchEvent(new CustomEvent("themechange"));
  });
}

// "/" goes to the search box, as printed on it; never while typing.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const box = document.querySelector("#q") || document.querySelector("#find");
  if (!box) return;
  event.preventDefault();
  box.focus();
});
