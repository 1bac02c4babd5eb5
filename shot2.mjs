import { openSettings } from './dist/test/support/settings-stage.js';
import { password } from './dist/test/support/console-stage.js';
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { createRequire } from 'node:module';
const axe=readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'),'utf8');
const ends=[]; const t={teardown(f){ends.push(f)}};
const list=Array.from({length:130},(_,i)=>`user${i}@bad.example`);
const stage=await openSettings(t,{text:readFileSync('config/example.yaml','utf8').replace('block: []','block: ['+list.join(', ')+']').replace('    action: block            # a notice','    servers: [imap.example.org, mail.example.net]\n    action: block            # a notice')+'\nadministrators:\n  - { address: secops@example.org, notify: [blocked] }\n'});
await stage.app.listen({host:'127.0.0.1',port:0}); const port=stage.app.addresses()[0].port; stage.url=`http://127.0.0.1:${port}`;
const b=await chromium.launch({executablePath:'/usr/bin/chromium',args:['--no-sandbox']});
for (const [n,vp] of [['d',{width:1200,height:900}],['p',{width:375,height:800}]]) {
 const ctx=await b.newContext({viewport:vp,bypassCSP:false}); const pg=await ctx.newPage(); pg.on('response',r=>{if(r.url().includes('notice.html'))console.log(r.status(),r.headers())});pg.on('console',m=>console.log(m.text()));pg.on('requestfailed',r=>console.log('FAILED',r.url(),r.failure()));
 await pg.goto(stage.url+'/admin/sign-in'); await pg.fill('[name=name]','root'); await pg.fill('[name=password]',password); await pg.click('button[type=submit]');
 for (const p of (process.argv[2]??'settings,settings/smtp,settings/imap,settings/notice,settings/administrators,settings/fallback,settings/profile,settings/scoring,settings/file,lists').split(',')) {
  await pg.goto(stage.url+'/admin/'+p); 
  if (p==='settings/notice'){await pg.fill('[name="notice.subject"]','Changed'); await pg.click('button:has-text("Preview")');await pg.waitForTimeout(400)}
  await pg.screenshot({path:`/tmp/shot-${n}-${p.replace('/','_')}.png`,fullPage:true});
  const wide=await pg.evaluate(()=>document.documentElement.scrollWidth>innerWidth+1);
  
 }
}
await b.close(); for(const e of ends.reverse()) await e();
