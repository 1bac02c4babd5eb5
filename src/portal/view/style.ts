/** The one style sheet: light and dark as the reader's system asks, from a phone's width up. */
export const styleText = `
:root{color-scheme:light dark;--back:#f4f5f7;--card:#fff;--line:#d9dde3;--text:#1d2530;--soft:#4d5866;--link:#1a5fb4;--on:#fff;--note:#eaf2fc;--bad:#b3261e;--good:#1b6e3c;--warn:#8a5a00}
@media (prefers-color-scheme:dark){:root{--back:#14181d;--card:#1d2329;--line:#343c46;--text:#e4e8ee;--soft:#aab4c0;--link:#8ab8f2;--on:#10151a;--note:#22344a;--bad:#f2a7a1;--good:#8fd6a8;--warn:#f0c674}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,-apple-system,Roboto,Arial,sans-serif;overflow-wrap:anywhere}
body.public{padding:24px 12px}
.card{max-width:640px;margin:0 auto;padding:28px;background:var(--card);border:1px solid var(--line);border-radius:10px}
h1{margin:0 0 12px;font-size:24px;line-height:1.3}
h2{margin:28px 0 8px;font-size:18px}
p{margin:0 0 12px}
a{color:var(--link)}
dl{margin:16px 0 0}
dl div{display:flex;gap:16px;padding:8px 0;border-top:1px solid var(--line)}
dt{flex:0 0 8em;color:var(--soft);font-weight:600}
dd{flex:1;margin:0;min-width:0}
.list{margin:0;padding:0;list-style:none}
.list li{padding:8px 0;border-top:1px solid var(--line)}
.list li span{display:block;color:var(--soft)}
.note{padding:12px 16px;border-radius:6px;background:var(--note)}
button{min-height:44px;margin:4px 0 12px;padding:10px 20px;border:0;border-radius:6px;background:var(--link);color:var(--on);font:inherit;font-weight:600;cursor:pointer}
button.quiet{background:transparent;color:var(--link);border:1px solid var(--line)}
button.danger{background:var(--bad)}
:focus-visible{outline:3px solid var(--link);outline-offset:3px}
footer{margin-top:28px;padding-top:12px;border-top:1px solid var(--line);font-size:14px;color:var(--soft)}
.skip{position:absolute;left:-999px}
.skip:focus{left:12px;top:12px;padding:8px;background:var(--card)}
@media (max-width:480px){.card{padding:20px}dl div{display:block}}
`;
