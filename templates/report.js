// What a page can do beyond showing: read one moment of a timeline, sort and search long tables,
// mark the current section. Everything is there without it.
"use strict";

for (const figure of document.querySelectorAll("figure.timeline")) readMoments(figure);
for (const table of document.querySelectorAll("table.sortable")) sortable(table);
for (const block of document.querySelectorAll(".block")) searchable(block);
openTargetsInDetails();
markCurrentSection();

function readMoments(figure) {
  const data = JSON.parse(figure.querySelector(".reads").textContent);
  const tracks = figure.querySelector(".tracks");
  const plots = [...tracks.querySelectorAll(".plot")];
  let marks = null;
  let current = -1;

  function show(index) {
    current = Math.max(0, Math.min(data.times.length - 1, index));
    marks ??= plots.map((plot, n) => addMarks(plot, n === plots.length - 1));
    const at = data.positions[current];
    marks.forEach((mark, n) => {
      mark.line.style.left = at + "%";
      mark.text.textContent = data.tracks[n][current];
      mark.text.style.left = at + "%";
      mark.text.classList.toggle("before", at > 62);
      mark.text.hidden = !data.tracks[n][current];
      if (mark.moment) {
        mark.moment.textContent = data.times[current];
        mark.moment.style.left = at + "%";
      }
    });
  }

  function hide() {
    for (const mark of marks ?? []) for (const part of Object.values(mark)) part?.remove();
    marks = null;
    current = -1;
  }

  function nearest(event) {
    const box = plots[0].getBoundingClientRect();
    const at = (100 * (event.clientX - box.left)) / box.width;
    if (at < -2 || at > 102) return -1;
    let best = 0;
    data.positions.forEach((position, n) => {
      if (Math.abs(position - at) < Math.abs(data.positions[best] - at)) best = n;
    });
    return best;
  }

  tracks.addEventListener("pointermove", (event) => {
    const index = nearest(event);
    if (index < 0) hide();
    else show(index);
  });
  tracks.addEventListener("pointerleave", hide);
  tracks.addEventListener("blur", hide);
  tracks.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(current < 0 ? 0 : current + step);
  });
}

function addMarks(plot, last) {
  const add = (name, kind) => {
    const part = document.createElement(kind);
    part.className = name;
    plot.append(part);
    return part;
  };
  return { line: add("cross", "i"), text: add("read", "span"), moment: last ? add("read moment", "span") : null };
}

function sortable(table) {
  const body = table.tBodies[0];
  if (!body || body.rows.length < 3) return;
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (!head.classList.contains("r")) return;
    head.setAttribute("aria-sort", "none");
    head.tabIndex = 0;
    const sort = () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of table.tHead.rows[0].cells) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => parseFloat(row.cells[column].textContent.replaceAll(",", "")) || 0;
      body.append(...[...body.rows].sort((a, b) => (down ? value(b) - value(a) : value(a) - value(b))));
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter") sort();
    });
  });
}

function searchable(block) {
  const table = block.querySelector(":scope > table");
  const rows = [...block.querySelectorAll("tbody tr")];
  if (!table || rows.length < 20) return;
  const input = document.createElement("input");
  input.type = "search";
  input.className = "search";
  input.placeholder = "Find in this table";
  input.setAttribute("aria-label", "Find in this table");
  table.before(input);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().trim();
    for (const row of rows) row.hidden = words !== "" && !row.textContent.toLowerCase().includes(words);
    for (const fold of block.querySelectorAll("details")) if (words) fold.open = true;
  });
}

function openTargetsInDetails() {
  const open = () => {
    const target = document.getElementById(location.hash.slice(1));
    for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    if (target && location.hash) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  if (location.hash) open();
}

function markCurrentSection() {
  const links = new Map([...document.querySelectorAll("nav li a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting || !links.has(entry.target.id)) continue;
        for (const link of links.values()) link.removeAttribute("aria-current");
        links.get(entry.target.id).setAttribute("aria-current", "true");
      }
    },
    { rootMargin: "-60px 0px -75% 0px" },
  );
  for (const section of document.querySelectorAll("main > section")) seen.observe(section);
}
