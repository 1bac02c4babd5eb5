import { openSettings, controlsOf } from './dist/test/support/settings-stage.js';
import { readFileSync, writeFileSync } from 'node:fs';
const ends=[]; const t={teardown(f){ends.push(f)}};
const stage=await openSettings(t,{text:readFileSync('config/example.yaml','utf8')});
for (const p of ['/admin','/admin/settings','/admin/settings/smtp','/admin/settings/imap','/admin/settings/notice','/admin/settings/administrators','/admin/settings/fallback','/admin/settings/profile','/admin/settings/scoring','/admin/settings/file','/admin/lists','/admin/lists?list=allow&test=a@b.cd']) {
  const r=await stage.user.get(p); console.log(p,r.statusCode,r.body.length); if(r.statusCode!==200) console.log(stage.lines.slice(-2), r.body.slice(0,800));
  writeFileSync('/tmp/page-'+p.replace(/\W/g,'_')+'.html',r.body);
}
let r=await stage.submit('/admin/settings/smtp',{'policy.smtp.action':'warn','policy.smtp.headers.subjectPrefix':'[Bad] '});
console.log(r.statusCode,r.headers.location); console.log((await stage.user.get(r.headers.location)).body.match(/flash[\s\S]{0,300}/)?.[0]);
console.log(controlsOf((await stage.user.get('/admin/settings/smtp')).body,'/admin/settings/smtp'));
r=await stage.submit('/admin/settings/notice',{'notice.subject':'a\nb','notice.releaseRequestAddress':'nobody'}); console.log(r.statusCode, r.body.match(/problems[\s\S]{0,700}/)?.[0]);
for(const e of ends.reverse()) await e();
