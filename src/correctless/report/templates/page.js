
"use strict";
(() => {
  const table = document.getElementById("rows");
  const named = () => {
    try { return document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch { return null; }
  };
  const plain = (text) => text.replace(/\s+/g, " ").trim();
  if (table) {
    const size = Number(table.dataset.page);
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    const heads = Array.from(table.tHead.rows[0].cells);
    const find = document.getElementById("find");
    const skill = document.getElementById("skill");
    const marks = Array.from(document.querySelectorAll("#filters input[type=checkbox]"));
    const shown = document.getElementById("shown");
    const previous = document.getElementById("previous");
    const following = document.getElementById("following");
    const texts = new Map();
    const collator = new Intl.Collator(undefined, { numeric: true });
    let order = rows;
    let page = 0;

    const text = (row) => {
      if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
      return texts.get(row);
    };
    const matching = () => {
      const words = find ? find.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
      const wanted = marks.filter((each) => each.checked).map((each) => each.value);
      return order.filter((row) => {
        const has = (row.dataset.marks || "").split(" ");
        return wanted.every((mark) => has.includes(mark))
          && (!skill || !skill.value || plain(row.cells[1].textContent) === skill.value)
          && words.every((word) => text(row).includes(word));
      });
    };
    const draw = (target) => {
      const found = matching();
      if (target) page = Math.max(0, Math.floor(found.indexOf(target) / size));
      const last = Math.max(0, Math.ceil(found.length / size) - 1);
      page = Math.min(page, last);
      const all = new Set(found);
      const now = new Set(found.slice(page * size, (page + 1) * size));
      for (const row of rows) {
        row.hidden = !all.has(row);
        row.classList.toggle("off", !now.has(row));
      }
      const count = (number) => number.toLocaleString("en");
      const of = found.length === rows.length ? "" : ` (${count(rows.length)} in all)`;
      shown.textContent = found.length
        ? `${count(page * size + 1)} to ${count(page * size + now.size)} of ${count(found.length)}${of}`
        : `None of ${count(rows.length)} matches`;
      previous.disabled = page === 0;
      following.disabled = page === last;
      previous.parentElement.hidden = last === 0;
    };
    const filtered = () => { page = 0; draw(); };
    const clear = () => {
      if (find) find.value = "";
      if (skill) skill.value = "";
      for (const each of marks) each.checked = false;
      filtered();
    };
    const sort = (head) => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const each of heads) each.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const column = head.cellIndex;
      const number = head.dataset.type === "number";
      const keyed = rows.map((row, index) => {
        const cell = row.cells[column];
        const key = cell.dataset.v === undefined ? cell.textContent.slice(0, 200) : cell.dataset.v;
        return { row, index, key: number ? Number(key) : key };
      });
      const sign = down ? -1 : 1;
      keyed.sort((a, b) => sign * (number ? a.key - b.key : collator.compare(a.key, b.key)) || a.index - b.index);
      order = keyed.map((each) => each.row);
      const fragment = document.createDocumentFragment();
      for (const row of order) fragment.append(row);
      body.append(fragment);
      filtered();
    };

    let waiting = 0;
    if (find) find.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filtered, rows.length > 1000 ? 150 : 0); });
    if (skill) skill.addEventListener("change", filtered);
    for (const each of marks) each.addEventListener("change", filtered);
    for (const head of heads) head.firstElementChild.addEventListener("click", () => sort(head));
    const clearing = document.getElementById("clear");
    if (clearing) clearing.addEventListener("click", clear);
    const turn = (step) => { page += step; draw(); table.scrollIntoView({ block: "start" }); };
    previous.addEventListener("click", () => turn(-1));
    following.addEventListener("click", () => turn(1));
    const reveal = (row) => {
      if (row.hidden) clear();
      draw(row);
      row.scrollIntoView({ block: "center" });
    };
    window.addEventListener("hashchange", () => {
      const row = named();
      if (row && row.parentElement === body) reveal(row);
    });
    draw();
  }
  const unfold = () => {
    const target = named();
    if (target instanceof HTMLDetailsElement) { target.open = true; target.scrollIntoView(); }
  };
  window.addEventListener("hashchange", unfold);
  unfold();
})();
