"use strict";
const body = document.querySelector("tbody");
const rows = [...body.rows];
const heads = [...document.querySelectorAll("th")];
const choices = ["method", "budget", "category"].map((name) => document.getElementById(name));

function show() {
  let count = 0;
  for (const row of rows) {
    row.hidden = choices.some((box) => box.value !== "" && row.dataset[box.id] !== box.value);
    count += row.hidden ? 0 : 1;
  }
  document.getElementById("count").textContent = `${count} of ${rows.length} drags`;
}

function compare(a, b, column, sign) {
  const [one, other] = [a, b].map((row) => row.cells[column].dataset.value);
  if (one === "" || other === "") return (one === "") - (other === "");  // unknown ones last
  const [x, y] = [Number(one), Number(other)];
  if (Number.isNaN(x) || Number.isNaN(y)) return sign * one.localeCompare(other);
  return sign * (x - y);
}

function sort(head) {
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of heads) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  rows.sort((a, b) => compare(a, b, head.cellIndex, up ? 1 : -1));
  body.append(...rows);
}

const scores = document.getElementById("scores");
function choose() {
  document.querySelector("main").dataset.scores = scores.value;
}

scores.addEventListener("change", choose);
for (const box of choices) box.addEventListener("change", show);
for (const head of heads) head.querySelector("button").addEventListener("click", () => sort(head));
show();
choose();
