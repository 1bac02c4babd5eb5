/** Forms and buttons: every control is at least as high as a fingertip is wide, and has an edge that can be seen. */
export const formStyle = `
form{margin:0}
form>:last-child{margin-bottom:0}
.field{margin:0 0 20px;padding:0;border:0;min-width:0}
.field>label:not(.choice),.field>legend,legend{display:block;margin:0 0 4px;padding:0;font-weight:600}
.hint{display:block;margin:0 0 6px;color:var(--soft);font-size:15px;font-weight:400}
.error{margin:6px 0 0;color:var(--bad);font-size:15px;font-weight:600}
input,select,textarea{display:block;width:100%;max-width:36rem;min-height:44px;padding:9px 12px;border:1px solid var(--edge);border-radius:8px;background:var(--card);color:var(--text);font:inherit}
textarea{max-width:none;line-height:1.45;resize:vertical}
textarea.code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:15px}
input[type=number],input[type=date]{max-width:14rem}
input[type=checkbox],input[type=radio]{flex:none;width:20px;height:20px;min-height:0;margin:2px 0 0;accent-color:var(--action)}
input[readonly],textarea[readonly]{background:var(--back)}
input:disabled,select:disabled,textarea:disabled,button:disabled{opacity:.6;cursor:not-allowed}
.wrong>input,.wrong>select,.wrong>textarea{border-color:var(--danger);border-width:2px}
fieldset.group{margin:0 0 24px;padding:16px 20px;border:1px solid var(--line);border-radius:8px}
fieldset.group>legend{padding:0 6px;margin-inline-start:-6px}
.choice{display:flex;gap:12px;align-items:flex-start;padding:10px 0;cursor:pointer}
.choice .hint{margin:0}
.choices{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,18rem),1fr));column-gap:20px}
.problems{margin:0 0 20px;padding:12px 16px 12px 20px;border:2px solid var(--danger);border-radius:8px;background:var(--card)}
.problems h2{margin:0 0 8px;font-size:17px}
.problems ul{margin:0;padding-left:1.2em}
button,.button{display:inline-flex;align-items:center;justify-content:center;min-height:44px;margin:0;padding:9px 20px;border:1px solid transparent;border-radius:8px;background:var(--action);color:var(--on-action);font:inherit;font-weight:600;line-height:1.3;text-decoration:none;text-align:center;cursor:pointer}
button:hover,.button:hover{box-shadow:inset 0 0 0 2px var(--on-action)}
button.quiet,.button.quiet{background:transparent;color:var(--link);border-color:var(--edge)}
button.quiet:hover,.button.quiet:hover{box-shadow:inset 0 0 0 1px var(--edge)}
button.danger,.button.danger{background:var(--danger);color:var(--on-danger)}
button.small,.button.small{min-height:36px;padding:5px 12px;font-size:15px}
.actions{display:flex;flex-wrap:wrap;gap:12px;align-items:center;margin:0 0 20px}
.toolbar{display:flex;flex-wrap:wrap;gap:12px 16px;align-items:flex-end;margin:0 0 20px}
.toolbar .field{flex:1 1 12rem;margin:0;max-width:24rem}
.toolbar .actions{margin:0}
@media (max-width:520px){
.actions>*,.actions button,.actions .button,.toolbar .field,.toolbar .actions{width:100%;max-width:none}
fieldset.group{padding:12px 14px}
}
`;
