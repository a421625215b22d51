/**
 * The page's own style. Colours of text have a contrast of at least 4.5 : 1, of marks of 3 : 1, in
 * either scheme; series differ in shape and dashes too.
 */
export const STYLE = `
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--text:#1b2129;--soft:#566170;--rule:#d9dee5;--grid:#e6eaef;--accent:#0b5cad;--good:#186a3b;--bad:#b3261e;--warn:#8a5300;--tip:#1b2129;--tip-text:#fff;
--s1:#0b62c4;--s2:#b4530a;--s3:#1b7a3d;--s4:#7b3fc4;--s5:#b8256e;--s6:#0e7490;--s7:#6b6a00;--s8:#57606a}
@media (prefers-color-scheme:dark){:root{--page:#0e1217;--card:#171d25;--text:#e7ecf2;--soft:#a3afbd;--rule:#323c48;--grid:#262f3a;--accent:#7cb9ff;--good:#6fd58f;--bad:#ff8a80;--warn:#ffc069;--tip:#e7ecf2;--tip-text:#12171d;
--s1:#6cb2ff;--s2:#ffa657;--s3:#56d364;--s4:#c9a0ff;--s5:#ff8fc1;--s6:#4fd1e0;--s7:#d5cf4a;--s8:#a9b4c0}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums}
header,main,footer{max-width:58rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.25rem}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .35rem;letter-spacing:-.015em;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:0 0 .75rem}
h3{font-size:1rem;margin:1.25rem 0 .5rem;overflow-wrap:anywhere}
p{margin:.25rem 0 1rem;max-width:44rem}
.sub,figcaption,footer,.tile small{color:var(--soft)}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-200vw;background:var(--card);padding:.5rem .9rem;z-index:2;border-radius:6px}
.skip:focus{left:auto}
nav ul,.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;padding:0;margin:1rem 0}
section{background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:1.25rem 1.4rem;margin:1.25rem 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:1.25rem 0;padding:0;list-style:none}
.tile{background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:.8rem 1rem}
.tile b{display:block;font-size:1.4rem;line-height:1.3;font-weight:650;letter-spacing:-.01em}
.tile small{display:block;font-size:.82rem}
figure{margin:0}
figcaption{font-size:.9rem;margin:.6rem 0 .9rem;max-width:44rem}
.legend{font-size:.88rem;margin:.1rem 0 .6rem}
.legend li{display:flex;align-items:center;gap:.45rem;overflow-wrap:anywhere}
.scroll{overflow-x:auto}
.chart{display:block;width:100%;min-width:34rem;height:auto;font-size:12px;overflow:visible}
.chart text{fill:var(--soft)}
.chart .axis{font-weight:600}
.grid{stroke:var(--grid);fill:none}
.s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}.s4{--c:var(--s4)}.s5{--c:var(--s5)}.s6{--c:var(--s6)}.s7{--c:var(--s7)}.s8{--c:var(--s8)}
.line{stroke:var(--c);fill:none;stroke-width:2;stroke-linejoin:round}
.marker{fill:var(--c);stroke:var(--card);stroke-width:1.2}
.whisker{stroke:var(--c);fill:none;stroke-width:1.5;opacity:.75}
.target{fill:transparent}
.point{outline:none;cursor:default}
.point .tip{visibility:hidden;pointer-events:none}
.point:hover .tip,.point:focus .tip{visibility:visible}
.point:focus .target{stroke:var(--accent);stroke-width:2.5}
.points:has(.point:hover) .point:not(:hover),.points:has(.point:focus) .point:not(:focus){opacity:.15}
.tip rect{fill:var(--tip)}
.chart .tip text{fill:var(--tip-text);font-weight:600}
.column{fill:var(--s1)}.interval{stroke:var(--text);fill:none;stroke-width:1.5}
.part{stroke:var(--card);stroke-width:1}
.queue{fill:var(--s8)}.bind{fill:var(--s2)}.invoke{fill:var(--s1)}.fetch{fill:var(--s3)}.handover{fill:var(--s4)}
details{margin:.4rem 0 0}
summary{cursor:pointer;color:var(--accent);padding:.2rem 0;width:fit-content}
table{border-collapse:collapse;font-size:.9rem;width:100%}
caption{text-align:left;color:var(--soft);padding:.3rem 0}
th,td{padding:.4rem .7rem .4rem 0;border-bottom:1px solid var(--rule);vertical-align:top}
thead th{color:var(--soft);font-weight:600;white-space:nowrap}
tbody th{text-align:left;font-weight:500;overflow-wrap:break-word;min-width:13rem}
.numeric td{text-align:right;white-space:nowrap}
td small{display:block;color:var(--soft);font-size:.8rem;white-space:normal;min-width:6.5rem}
.scroll:has(table){margin-bottom:.75rem}
.numeric thead th{text-align:right}.numeric thead th:first-child{text-align:left}
.words td,.words thead th{text-align:left}
.bars tbody th{min-width:8rem}.bars .bar{width:45%;text-align:left}
.bar rect{fill:var(--s1)}
.mark{stroke:var(--text);stroke-width:1.5;stroke-dasharray:4 3;fill:none}.threshold{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:6 4;fill:none}
.signed{min-width:8rem}.signed rect{fill:var(--s2)}.signed.against rect{fill:var(--s1)}.signed line{stroke:var(--soft)}
.signs tbody th{min-width:6rem}.signs td:last-child{width:45%}
.pictures{display:flex;flex-wrap:wrap;gap:1rem}.pictures figcaption{flex-basis:100%}
.picture{position:relative;flex:1 1 14rem;max-width:24rem}.picture img{display:block;width:100%;height:auto;image-rendering:pixelated;border-radius:6px}
.picture .over{position:absolute;inset:0;height:100%}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1.25rem;margin:0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
code{font:0.9em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.verdict{font-weight:650}
.slower{color:var(--bad)}.faster{color:var(--good)}.not-comparable,.failed{color:var(--warn)}
footer{padding-bottom:3rem;font-size:.88rem}
@media (max-width:36rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}
@media print{nav,.skip{display:none}section,.tile{break-inside:avoid}}
`;
