// Keys and selection of the queue. Each key presses a link, a box or a button that is on the page.
const queue = () => document.getElementById("queue");
const rows = () => [...document.querySelectorAll(".queue tbody tr")];
const boxes = () => [...document.querySelectorAll('.queue tbody input[name="ref"]')];
const here = () => document.querySelector(".queue tbody tr.here");
const boxOf = (row) => row?.querySelector('input[name="ref"]');
const number = new Intl.NumberFormat("en-GB");

function mark(row) {
  here()?.classList.remove("here");
  row.classList.add("here");
}

function goTo(row) {
  if (!row) return;
  mark(row);
  // focus follows, so that a screen reader says the case and Tab goes on from it
  row.querySelector("a").focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const all = rows();
  const place = all.indexOf(here());
  goTo(all[place < 0 ? 0 : Math.min(Math.max(place + by, 0), all.length - 1)]);
}

function tellSelection() {
  const picked = boxes().filter((box) => box.checked);
  const all = document.getElementById("all");
  if (all) {
    all.checked = picked.length > 0 && picked.length === boxes().length;
    all.indeterminate = picked.length > 0 && !all.checked;
  }
  const said = document.getElementById("picked");
  if (!said) return;
  const sum = (name) => picked.reduce((total, box) => total + Number(box.dataset[name]), 0);
  const decided = picked.filter((box) => "decided" in box.dataset).length;
  const restricted = picked.filter((box) => "restricted" in box.dataset).length;
  said.textContent = `${number.format(picked.length)} selected`;
  document.getElementById("touch").textContent =
    `Would touch ${number.format(picked.length)} ${picked.length === 1 ? "case" : "cases"}, ` +
    `${number.format(sum("accounts"))} accounts, ${(sum("harm") / 1e6).toFixed(1)} M tokens a day; ` +
    `${decided || "none"} decided, ${restricted || "none"} restricted`;
}

function press(verb) {
  const button = document.querySelector(`#bulk button[value="${verb}"]`);
  if (!button) return;
  if (!boxes().some((box) => box.checked)) {
    const box = boxOf(here());
    if (!box) return;
    box.checked = true;
  }
  button.click();
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  x: () => boxOf(here())?.click(),
  t: () => document.getElementById("take-next")?.click(),
  c: () => press("claim"),
  z: () => press("snooze"),
  "[": () => document.querySelector('.tools a[rel="prev"]')?.click(),
  "]": () => document.querySelector('.tools a[rel="next"]')?.click(),
  f: () => document.querySelector("#filter .more summary")?.click(),
  v: () => document.querySelector(".push .more summary")?.click(),
};

document.addEventListener("keydown", (event) => {
  if (!queue() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (document.querySelector("dialog[open]")) return;
  const typing = event.target.closest('input:not([type="checkbox"]), textarea, select, [contenteditable]');
  if (event.key === "Escape") {
    const panel = document.querySelector(".more[open]");
    if (panel) {
      panel.open = false;
      panel.querySelector("summary").focus();
    } else if (typing) {
      event.preventDefault(); // or the browser empties a search box
      typing.blur();
    } else document.querySelector('#bulk button[type="reset"]')?.click();
    return;
  }
  if (typing) return;
  if (event.key === "Enter") {
    // a link or a button that has the focus answers for itself
    if (here() && !event.target.closest("a, button, summary")) location.assign(here().dataset.href);
    return;
  }
  const action = keys[event.key.toLowerCase()];
  if (!action || localStorage.getItem("keys") === "off") return;
  event.preventDefault();
  action();
});

document.addEventListener("change", (event) => {
  if (event.target.id === "all") for (const box of boxes()) box.checked = event.target.checked;
  if (event.target.id === "all" || event.target.name === "ref") tellSelection();
});
document.addEventListener("reset", (event) => {
  if (event.target.id === "bulk") setTimeout(tellSelection);
});

// An opened panel waits in its first field.
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.(".more[open]")) event.target.querySelector("input:not([type=hidden]), select")?.focus();
}, true);

// Tab and the keys agree on where one is.
document.addEventListener("focusin", (event) => {
  const row = event.target.closest(".queue tbody tr");
  if (row) mark(row);
});

// Shift and a click take the rows between.
let last = null;
document.addEventListener("click", (event) => {
  const box = event.target.closest?.('.queue tbody input[name="ref"]');
  if (!box) {
    for (const panel of document.querySelectorAll(".more[open]")) {
      if (!panel.contains(event.target)) panel.open = false;
    }
    return;
  }
  const all = boxes();
  if (event.shiftKey && last && all.includes(last)) {
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const one of all.slice(from, to + 1)) one.checked = box.checked;
    tellSelection();
  }
  last = box;
});

// The browser brings ticks back when a page is left and returned to.
addEventListener("pageshow", () => boxes().some((box) => box.checked) && tellSelection());
