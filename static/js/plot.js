// Draws every element that carries data-figure-url, when it is first seen. Colours come from the
// tokens in the style sheet, so a figure says "--s1" and follows the mode. A step back in history
// replaces what is in the body, so elements are looked for again after htmx has put some in.
(() => {
  const library = document.currentScript.dataset.plotly;
  const drawn = new Map();
  const probe = document.createElement("span");
  probe.hidden = true;
  document.documentElement.append(probe);
  let loading;

  const load = () =>
    (loading ||= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = library;
      script.onload = resolve;
      script.onerror = () => reject(new Error("the drawing library did not load"));
      document.head.append(script);
    }));

  const token = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };

  const coloured = (value, colours) => {
    if (typeof value === "string") {
      if (!value.startsWith("--")) return value;
      if (!colours.has(value)) colours.set(value, token(value));
      return colours.get(value);
    }
    if (Array.isArray(value)) return value.map((item) => coloured(item, colours));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, colours)]));
    }
    return value;
  };

  const legend = (place, entries) => {
    place.replaceChildren(
      ...entries.map(({ token: name, label }) => {
        const item = document.createElement("span");
        const swatch = document.createElement("i");
        swatch.className = `swatch t${name.slice(1)}`;
        item.append(swatch, label);
        return item;
      }),
    );
  };

  const draw = (canvas) => {
    const figure = drawn.get(canvas);
    if (!figure) return;
    const colours = new Map();
    const layout = coloured(figure.layout, colours);
    layout.font.family = getComputedStyle(canvas).fontFamily;
    return Plotly.react(canvas, coloured(figure.data, colours), layout, {
      displayModeBar: false,
      responsive: true,
      showTips: false,
    });
  };

  const show = async (canvas) => {
    const frame = canvas.closest("figure") || canvas.parentElement;
    const say = frame.querySelector("[data-say]");
    canvas.setAttribute("aria-busy", "true");
    try {
      const [answer] = await Promise.all([
        fetch(canvas.dataset.figureUrl, { headers: { Accept: "application/json" } }),
        load(),
      ]);
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      const figure = await answer.json();
      drawn.set(canvas, figure);
      await draw(canvas);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", figure.say);
      if (say) say.textContent = figure.say;
      const key = frame.querySelector("[data-key-of]");
      if (key) legend(key, figure.key);
      for (const button of frame.querySelectorAll("[data-save]")) button.hidden = false;
      for (const ways of frame.querySelectorAll(".set[hidden]")) ways.hidden = false;
    } catch (error) {
      if (say) say.textContent = `Not drawn: ${error.message}. The table and the CSV still work.`;
    } finally {
      canvas.removeAttribute("aria-busy");
    }
  };

  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        seen.unobserve(entry.target);
        show(entry.target);
      }
    },
    { rootMargin: "200px" },
  );
  const known = new WeakSet();
  const scan = () => {
    for (const canvas of document.querySelectorAll("[data-figure-url]")) {
      if (known.has(canvas)) continue;
      known.add(canvas);
      seen.observe(canvas);
    }
  };
  scan();
  document.addEventListener("htmx:after:process", scan);

  document.addEventListener("click", (event) => {
    const save = event.target.closest("[data-save]");
    if (save) {
      const canvas = save.closest("figure").querySelector("[data-figure-url]");
      const { width, height } = canvas.getBoundingClientRect();
      const format = save.dataset.save;
      const scale = format === "png" ? 2 : 1;
      Plotly.downloadImage(canvas, { format, width, height, scale, filename: canvas.dataset.file });
    }
    const way = event.target.closest("[data-figure-way]");
    if (way) {
      const frame = way.closest("figure");
      const canvas = frame.querySelector("[data-figure-url]");
      for (const other of frame.querySelectorAll("[data-figure-way]")) {
        other.setAttribute("aria-pressed", other === way);
      }
      canvas.dataset.figureUrl = way.dataset.figureWay;
      const csv = frame.querySelector("[data-csvlink]");
      if (csv) csv.href = way.dataset.csv;
      const table = frame.querySelector("[data-tablelink]");
      if (table) {
        const url = `${location.pathname}?table=${way.dataset.table}`;
        table.href = url;
        table.setAttribute("hx-get", url);
        window.htmx?.process(table, true);
      }
      show(canvas);
    }
  });

  const redraw = () => {
    for (const canvas of drawn.keys()) {
      if (canvas.isConnected) draw(canvas);
      else drawn.delete(canvas);
    }
  };
  document.addEventListener("themechange", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
})();
