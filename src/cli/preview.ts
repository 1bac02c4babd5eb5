/** `sluice preview`: writes the notice that recipients would get, from the configuration and a sample mail. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { renderNotice } from '../notice/notice.js';
import type { NoticeFacts } from '../notice/settings.js';
import { takesConfig } from './configuration.js';
import { runCommand, type StoreContext, terminalText } from './store-context.js';

/** A mail that never was, with one of everything that a notice shows. */
function sampleFacts(publicUrl: string | undefined): NoticeFacts {
  return {
    id: 'sample2sample2sample2sampl',
    recipient: 'recipient@example.org',
    mailFrom: 'sender@example.net',
    from: 'A Sender <sender@example.net>',
    subject: 'Invoice 4711',
    receivedAt: Date.UTC(2026, 0, 15, 9, 30),
    threat: 'EICAR-Test-File',
    threatLevel: 10,
    findings: [
      {
        path: '2',
        name: 'invoice.zip',
        bytes: 48_213,
        sha256: '0'.repeat(64),
        type: 'application/zip',
        level: 10,
        threat: 'EICAR-Test-File',
      },
      {
        path: '3',
        name: 'terms.pdf',
        bytes: 120_400,
        sha256: '1'.repeat(64),
        type: 'application/pdf',
        level: 0,
        threat: '',
      },
    ],
    omitted: 0,
    link: publicUrl === undefined ? undefined : `${publicUrl.replace(/\/+$/, '')}/q/sample`,
  };
}

const examples = `
Examples:
  sluice preview --config sluice.yaml --out /tmp/notice`;

export function registerPreview(program: Command, context: StoreContext): void {
  takesConfig(program.command('preview'))
    .description('Write the notice that recipients get as notice.eml and notice.html')
    .option('--out <directory>', 'where to write', '.')
    .addHelpText('after', examples)
    .action((options: { readonly config: string; readonly out: string }) =>
      runCommand(context, async () => {
        const { policy } = await context.load(options.config);
        const { eml, html } = await renderNotice(policy.notice, sampleFacts(policy.publicUrl));
        mkdirSync(options.out, { recursive: true });
        const files = { 'notice.eml': eml, 'notice.html': html };
        for (const [name, content] of Object.entries(files)) {
          const file = join(options.out, name);
          writeFileSync(file, content);
          context.stdout.write(`wrote ${terminalText(file)}\n`);
        }
        return 0;
      }),
    );
}
