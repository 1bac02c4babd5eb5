/** The administrators' frame, and tables that become cards where a row does not fit: below 900 px. */
export const consoleStyle = `
.skip{position:absolute;left:-9999px;z-index:2}
.skip:focus{left:12px;top:12px;padding:10px 16px;background:var(--card);border-radius:8px}
.bar{display:flex;flex-wrap:wrap;align-items:center;gap:4px 24px;padding:6px 24px;background:var(--card);border-bottom:1px solid var(--line)}
.brand{padding:8px 0;color:var(--text);font-size:18px;font-weight:700;letter-spacing:-.01em;text-decoration:none}
.bar nav{flex:1 1 auto}
.bar nav ul,.tabs ul{display:flex;flex-wrap:wrap;gap:2px;margin:0;padding:0;list-style:none}
.bar nav a,.tabs a{display:flex;align-items:center;min-height:44px;padding:8px 12px;border-radius:8px;color:var(--soft);font-weight:600;text-decoration:none}
.bar nav a:hover,.tabs a:hover{color:var(--text);text-decoration:underline;text-decoration-thickness:2px}
.bar nav a[aria-current]{background:var(--info-back);color:var(--info)}
.sign-out{display:flex;align-items:center;gap:12px}
.sign-out button{min-height:44px;padding:6px 14px}
.who{max-width:12rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;color:var(--soft)}
body.console main{max-width:1280px;margin:0 auto;padding:28px 24px 64px}
.tabs{margin:0 0 20px;border-bottom:1px solid var(--line)}
.tabs a{border-radius:8px 8px 0 0;border-bottom:3px solid transparent}
.tabs a[aria-current]{color:var(--text);border-bottom-color:var(--action)}
.crumb{margin:0 0 8px;font-size:15px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:16px;margin:0 0 20px;padding:0;list-style:none}
.tile{padding:16px 20px;background:var(--card);border:1px solid var(--line);border-radius:12px}
.tile .label{display:block;color:var(--soft);font-size:15px}
.tile .value{display:block;font-size:28px;font-weight:700;line-height:1.25;font-variant-numeric:tabular-nums}
.tile .aside{display:block;color:var(--soft);font-size:14px}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:20px;align-items:start}
.columns>.panel{margin:0}
.panel form+form,.panel form+.actions,.panel form+details{margin-top:20px}
.columns{margin:0 0 20px}
.scroll{overflow-x:auto;margin:0 0 20px;background:var(--card);border:1px solid var(--line);border-radius:12px}
.panel .scroll{border:0;border-radius:0;margin:0 -24px}
table{width:100%;border-collapse:collapse;font-size:15px}
caption{padding:14px 20px;text-align:start;font-weight:700;font-size:17px}
caption.hidden{padding:0}
th,td{padding:11px 10px;text-align:start;vertical-align:top;border-top:1px solid var(--line)}
th:first-child,td:first-child{padding-inline-start:20px}
th:last-child,td:last-child{padding-inline-end:20px}
thead th{border-top:0;color:var(--soft);font-size:14px;font-weight:600;vertical-align:bottom}
tbody th{font-weight:600}
tbody tr:hover{background:color-mix(in srgb,var(--back) 55%,var(--card))}
.number{text-align:end;font-variant-numeric:tabular-nums;white-space:nowrap}
thead .number{white-space:normal}
.when{font-variant-numeric:tabular-nums}
td.when>.cell{min-width:6.5rem}
.tight{width:1%;white-space:nowrap}
tbody th{min-width:8.5rem}
td:not(.number,.when,.tight)>.cell{min-width:5rem}
td .badge{padding:1px 9px;font-size:13px}
.pager{display:flex;justify-content:space-between;gap:16px;margin:0 0 20px}
.pager a{display:inline-flex;align-items:center;min-height:44px;padding:8px 16px;border:1px solid var(--edge);border-radius:8px;background:var(--card);font-weight:600;text-decoration:none}
.chart{display:block;width:100%;height:auto;overflow:visible;font-size:12px}
.chart text{fill:var(--soft)}
.chart .grid{stroke:var(--chart-grid);stroke-width:1;fill:none}
.chart .line{fill:none;stroke-width:2.5;stroke-linejoin:round;stroke-linecap:round}
.fill-1{fill:var(--chart-1)}.fill-2{fill:var(--chart-2)}.fill-3{fill:var(--chart-3)}.fill-4{fill:var(--chart-4)}
.line-1{stroke:var(--chart-1)}.line-2{stroke:var(--chart-2)}.line-3{stroke:var(--chart-3)}.line-4{stroke:var(--chart-4)}
.fill-permit{fill:var(--chart-permit)}.fill-warn{fill:var(--chart-warn)}.fill-block{fill:var(--chart-block)}.fill-defer{fill:var(--chart-defer)}
.line-permit{stroke:var(--chart-permit)}.line-warn{stroke:var(--chart-warn)}.line-block{stroke:var(--chart-block)}.line-defer{stroke:var(--chart-defer)}
.key-permit{background:var(--chart-permit)}.key-warn{background:var(--chart-warn)}.key-block{background:var(--chart-block)}.key-defer{background:var(--chart-defer)}
.key-1{background:var(--chart-1)}.key-2{background:var(--chart-2)}.key-3{background:var(--chart-3)}.key-4{background:var(--chart-4)}
.legend{display:flex;flex-wrap:wrap;gap:6px 20px;margin:0 0 12px;padding:0;list-style:none;font-size:15px}
.key{display:inline-block;width:14px;height:14px;margin-inline-end:8px;border-radius:3px;vertical-align:-2px}
.chart.narrow{display:none}
.chart.shares{height:28px;margin:0 0 12px}
.person{display:block}
.cell>.person{min-width:9.75rem}
td .choice{padding:2px 0}
.toolbar .field:has([type=search]){flex:2 1 18rem}
main>.empty,form>.empty{margin-bottom:20px}
.stack{display:grid;gap:20px}
.stack>*{margin:0}
.share{display:flex;justify-content:space-between;gap:16px}
.comment{display:block;white-space:pre-wrap}
@media (max-width:1000px){
.bar .brand{flex:1}
.bar nav{order:3;flex-basis:100%;margin-inline-start:-12px}
}
@media (max-width:520px){
.chart.wide{display:none}
.chart.narrow{display:block}
.bar{padding:6px 12px}
.bar nav{margin-inline-start:-10px}
.bar nav a{padding:8px 10px}
body.console main{padding:20px 12px 48px}
}
@media (max-width:900px){
.cell>.person{min-width:0}
.scroll{overflow:visible;background:none;border:0}
.panel .scroll{margin:0}
table,tbody,tr,th,td,caption{display:block}
caption{padding:0 0 12px}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tbody tr{margin:0 0 12px;padding:8px 16px;background:var(--card);border:1px solid var(--line);border-radius:12px}
tbody tr:hover{background:var(--card)}
tbody th,td,tbody th:first-child,td:first-child,tbody th:last-child,td:last-child,td.number,td.when,td.tight{width:auto;padding:6px 0;border:0;text-align:start;white-space:normal}
td[data-label]:not([data-label=""]){display:flex;gap:12px}
td[data-label]:not([data-label=""])::before{content:attr(data-label);flex:0 0 8em;color:var(--soft)}
tbody th,td:not(.number,.when,.tight)>.cell,td>.cell{min-width:0;flex:1}
tbody td:empty,td:has(>.cell:empty){display:none}
}
@media (max-width:400px){.badge{white-space:normal}td[data-label]:not([data-label=""])::before{flex-basis:6.5em}.who{max-width:6rem}}
`;
