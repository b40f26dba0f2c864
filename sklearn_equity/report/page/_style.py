"""What colours, sizes and places does a page have, on a desk, a telephone and paper?

Colours come in two schemes, as the reader's system asks; text has at least the contrast
that WCAG 2.2 asks for at level AA on either. No colour is alone in telling anything.
"""

STYLE = """
:root { color-scheme: light dark; --ink: #1a1c20; --quiet: #565c66; --line: #d5d9e0;
  --page: #fff; --soft: #f3f5f9; --bad: #a53a08; --good: #1f4e8c; --open: #5b616b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaee; --quiet: #a8afbb;
  --line: #3a404b; --page: #16181d; --soft: #20242c; --bad: #ff9a5c; --good: #8ab8f5;
  --open: #a8afbb; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--page); margin: 0 auto; max-width: 64rem; padding: 1.5rem 1rem 4rem;
  overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 3rem 0 .5rem; padding-top: .5rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.08rem; line-height: 1.3; margin: 2rem 0 .25rem; }
p { margin: .4rem 0; max-width: 46rem; }
ul { margin: .4rem 0; padding-left: 1.2rem; max-width: 46rem; }
li { margin: .2rem 0; }
a { color: var(--good); }
:focus-visible { outline: 3px solid var(--good); outline-offset: 2px; }
.quiet { color: var(--quiet); font-size: .88rem; }
.answer { background: var(--soft); border-left: 5px solid var(--good);
  padding: .6rem 1rem; margin: 1rem 0; }
.answer p { max-width: none; }
.answer p:first-child { font-size: 1.12rem; font-weight: 600; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none;
  padding: 0; font-size: .92rem; }
nav a { display: inline-block; padding: .25rem 0; }

figure { margin: 1.25rem 0 2rem; }
figcaption { font-weight: 600; }
.key { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; list-style: none; padding: 0;
  margin: .25rem 0 .5rem; max-width: none; font-size: .82rem; color: var(--quiet); }
.key li { display: flex; align-items: center; gap: .4rem; margin: 0; }
.key svg { width: 1.2rem; flex: none; }
.marks { list-style: none; padding: 0; margin: 0; max-width: none; }
.marks li, .axis { display: grid; margin: 0; column-gap: 1rem; align-items: center;
  grid-template-columns: minmax(7rem, 14rem) minmax(10rem, 1fr) minmax(9rem, 17rem); }
.marks li { border-bottom: 1px solid var(--line); padding: .2rem 0; font-size: .9rem;
  line-height: 1.35; }
.marks .words { color: var(--quiet); font-size: .82rem;
  font-variant-numeric: tabular-nums; }
.marks .total .label { font-weight: 600; }
.marks .bad .label, .marks .bad .words { color: var(--bad); font-weight: 600; }
.marks svg, .axis svg { grid-column: 2; width: 100%; }
.axis { font-size: .8rem; color: var(--quiet); }
.axis .name { grid-column: 2; text-align: center; line-height: 1.3; }
svg { display: block; height: 26px; overflow: visible; }
.axis svg { height: 20px; }
svg text { fill: var(--quiet); font-size: 12px; text-anchor: middle; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .reference { stroke: var(--quiet); stroke-width: 1.5; stroke-dasharray: 4 3; }
svg .ci { stroke-width: 2; fill: none; }
svg .bad { stroke: var(--bad); fill: var(--bad); }
svg .good { stroke: var(--good); fill: var(--good); }
svg .open, svg .plain { stroke: var(--open); fill: var(--page); }
svg .total { stroke: var(--ink); fill: var(--ink); }
svg .dot { stroke-width: 2; }

/* A shadow at the right edge says that there is more: it goes where a table ends. */
.scroll { overflow-x: auto; margin: .75rem 0 1.75rem;
  background: no-repeat right / 3rem 100% local
  linear-gradient(to left, var(--page) 1.5rem, transparent),
  no-repeat right / .8rem 100% scroll
  linear-gradient(to left, var(--line), transparent); }
table { border-collapse: collapse; width: 100%; font-size: .88rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .25rem; }
caption .quiet { font-weight: 400; }
th, td { padding: .35rem .75rem .35rem 0; text-align: right; vertical-align: baseline;
  border-bottom: 1px solid var(--line); }
thead th { font-weight: 600; vertical-align: bottom; }
tbody th, tfoot th { font-weight: 400; }
th:first-child { text-align: left; min-width: 6rem; overflow-wrap: anywhere;
  position: sticky; left: 0; background: var(--page); }
th.text, td.text { text-align: left; }
@media (min-width: 641px) { td.text { white-space: nowrap; } }
tfoot th, tfoot td { font-weight: 600; }
tfoot th:first-child, tbody th:first-child { padding-right: .75rem; }
td.text, th.text { padding-left: 1rem; }
tr.bad th, tr.bad td.text { color: var(--bad); font-weight: 600; }
thead button { font: inherit; color: inherit; background: none; border: 0; padding: 0;
  cursor: pointer; text-align: inherit; text-decoration: underline dotted; }
thead button::after { content: "\\a0\\2195"; }
th[aria-sort=ascending] button::after { content: "\\a0\\2191"; }
th[aria-sort=descending] button::after { content: "\\a0\\2193"; }

@media (max-width: 640px) {
  body { padding: 1rem 1rem 3rem; }
  h1 { font-size: 1.45rem; }
  .marks li, .axis { grid-template-columns: 100%; }
  .marks li { padding: .45rem 0; }
  .marks .label { font-weight: 600; }
  .marks svg, .axis svg, .axis .name { grid-column: 1; }
  .marks svg, .axis svg { margin: 0 1.2rem; width: calc(100% - 2.4rem); }
  table { font-size: .85rem; }
  /* Rows become cards; each figure has its heading beside it. */
  table, tbody, tfoot, tr, caption { display: block; }
  thead tr { display: flex; flex-wrap: wrap; gap: .2rem .9rem; }
  thead th, thead th.text, thead th:first-child { border: 0; padding: 0; min-width: 0;
    position: static; white-space: nowrap; }
  tbody tr, tfoot tr { display: grid; column-gap: 1rem;
    grid-template-columns: 1fr 1fr; padding: .5rem 0;
    border-bottom: 1px solid var(--line); }
  tbody th, tfoot th { grid-column: 1 / -1; position: static; border: 0;
    padding: 0; font-weight: 600; }
  td, td.text { display: flex; justify-content: space-between; gap: .5rem;
    border: 0; padding: .1rem 0; min-width: 0; text-align: right; }
  td.long, td.text { grid-column: 1 / -1; }
  td:empty { display: none; }
  td::before { content: attr(data-head); color: var(--quiet); font-weight: 400;
    text-align: left; }
}
@media print {
  :root { color-scheme: light; --ink: #000; --quiet: #444; --line: #bbb; --page: #fff;
    --soft: #fff; --bad: #8a2f05; --good: #1f4e8c; --open: #444; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  nav, thead button::after { display: none; }
  h2, h3, h2 + p, h3 + p, h3 + ul, figcaption, caption, .key { break-after: avoid; }
  h2 { margin-top: 1.5rem; }
  tr, .marks li, .answer, .axis { break-inside: avoid; }
  .axis { break-before: avoid; }
  figure, .scroll, thead, h2 + p, h3 + p { break-inside: avoid; }
  /* What no page holds would leave the one before it blank. */
  figure:has(.marks > li:nth-child(16)), .scroll:has(tbody > tr:nth-child(26)) {
    break-inside: auto; }
  .marks li, .axis { grid-template-columns:
    minmax(5rem, 9.5rem) minmax(12rem, 1fr) minmax(9rem, 13rem); }
  .scroll { overflow: visible; background: none; }
  tfoot { display: table-row-group; } /* once, not at the foot of every page */
  th:first-child { position: static; background: none; }
  td:not(.text) { white-space: nowrap; }
  thead button { display: contents; } /* a button is not repeated on the next page */
  * { print-color-adjust: exact; }
}
"""
